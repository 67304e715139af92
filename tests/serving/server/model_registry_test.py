"""Models that are added, moved, labelled and removed under a registry over real folders."""

import threading

import numpy as np
import pytest
from tensorflow_serving.apis import model_pb2

from serving import errors
from serving.server import (
    model_config,
    model_manager,
    model_options,
    model_registry,
    version_loader,
    version_policy,
)
from tests.serving import tiny_models


@pytest.fixture
def registry():
    def make_manager(model):
        options = model_options.ModelOptions(
            *(model.name, model.base_path, model.policy),
            poll_wait_seconds=0.01,
            max_num_load_retries=5,
            load_retry_interval_seconds=3600.0,
        )
        return model_manager.ModelManager(options)

    models = model_registry.ModelRegistry(make_manager)
    yield models
    models.stop(5.0)


@pytest.fixture
def published(tmp_path, half_plus_two_dir, half_plus_three_dir):
    """Returns a model whose versions 1 and 2 answer 0 with 2 and 3, and serve both, labelled as asked."""

    def publish(name, **labels):
        if not (tmp_path / name).exists():
            tiny_models.publish(half_plus_two_dir, tmp_path / name, 1)
            tiny_models.publish(half_plus_three_dir, tmp_path / name, 2)
        return model_config.ModelConfig(name, tmp_path / name, version_policy.All(), labels)

    return publish


def _spec(name, version=None, label=None):
    spec = model_pb2.ModelSpec(name=name)
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label
    return spec


def _answer(registry, *spec, **choice):
    with registry.lease(_spec(*spec, **choice)) as model:
        return float(model.run("", {"x": np.zeros([1, 1], np.float32)})["y"][0, 0])


def _start(registry, *models):
    assert registry.start(list(models), lambda: False)


def test_labels_point_to_versions_from_the_start_and_move(registry, published):
    _start(registry, published("a", stable=1, canary=2))
    assert _answer(registry, "a", label="stable") == 2.0
    assert _answer(registry, "a", label="canary") == 3.0
    assert [status.version for status in registry.statuses(_spec("a", label="canary"))] == [2]
    registry.reload([published("a", stable=2)])
    assert _answer(registry, "a", label="stable") == 3.0
    with pytest.raises(errors.InvalidArgumentError, match="Unrecognized servable version label: canary"):
        _answer(registry, "a", label="canary")


def test_a_reload_adds_and_removes_and_a_request_under_way_keeps_its_model(registry, published):
    _start(registry, published("a"), published("b"))
    with registry.lease(_spec("b")) as lent:
        registry.reload([published("a"), published("c")])
        assert _answer(registry, "c") == 3.0
        with pytest.raises(errors.NotFoundError, match=r"Servable not found for request: Latest\(b\)"):
            _answer(registry, "b")
        assert {status.state.name for status in registry.statuses(_spec("b", version=2))} == {"UNLOADING"}
        assert float(lent.run("", {"x": np.zeros([1, 1], np.float32)})["y"][0, 0]) == 3.0
    # What was there can still be asked about, as with TensorFlow Serving.
    tiny_models.wait_until(lambda: {each.state.name for each in registry.statuses(_spec("b"))} == {"END"})


def test_a_reload_moves_a_model_without_a_gap(registry, published, tmp_path, half_plus_two_dir):
    _start(registry, published("a"))
    tiny_models.publish(half_plus_two_dir, tmp_path / "elsewhere", 1)
    answers, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            answers.append(_answer(registry, "a"))

    asking = threading.Thread(target=ask)
    asking.start()
    registry.reload([model_config.ModelConfig("a", tmp_path / "elsewhere")])
    tiny_models.wait_until(lambda: answers and answers[-1] == 2.0)
    stop.set()
    asking.join()
    assert answers == sorted(answers, reverse=True)
    assert set(answers) == {3.0, 2.0}


def test_a_reload_changes_which_versions_serve(registry, published, tmp_path):
    _start(registry, published("a"))
    registry.reload([model_config.ModelConfig("a", tmp_path / "a", version_policy.Specific(frozenset({1})))])
    tiny_models.wait_until(lambda: _answer(registry, "a") == 2.0)
    with pytest.raises(errors.NotFoundError, match=r"Specific\(a, 2\)"):
        _answer(registry, "a", version=2)


def test_a_reload_is_refused_whole_when_one_part_is_wrong(registry, published, tmp_path):
    _start(registry, published("a", stable=1))
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    wrong = {
        "missing": (errors.InvalidArgumentError, "Could not find base path"),
        "empty": (errors.NotFoundError, "Unable to find a numerical version path for servable empty"),
        "broken": (errors.FailedPreconditionError, "Model broken did not become available: version 1 could not be"),
    }
    for name, (error_class, text) in wrong.items():
        with pytest.raises(error_class, match=text):
            registry.reload([published("b"), model_config.ModelConfig(name, tmp_path / name)])
        assert not registry.knows("b")
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        registry.reload([published("b"), published("a", stable=7)])
    # The text of UpdateModelVersionLabelMap in server_core.cc.
    assert str(refusal.value) == (
        "Request to assign label to version 7 of model a, which is not currently available for inference"
    )
    assert not registry.knows("b")
    assert _answer(registry, "a", label="stable") == 2.0


def test_a_reload_that_fails_leaves_nobody_behind(published, tmp_path):
    made = []

    def make_manager(model):
        # Its second attempt follows at once and says LOADING again.
        options = model_options.ModelOptions(
            *(model.name, model.base_path, model.policy),
            max_num_load_retries=1_000_000,
            load_retry_interval_seconds=0.0,
        )
        made.append(model_manager.ModelManager(options))
        return made[-1]

    registry = model_registry.ModelRegistry(make_manager)
    try:
        _start(registry, published("a"))
        (tmp_path / "broken" / "1").mkdir(parents=True)
        for _ in range(3):
            with pytest.raises(errors.FailedPreconditionError, match="Model broken did not become available"):
                registry.reload([published("a"), model_config.ModelConfig("broken", tmp_path / "broken")])
        tiny_models.wait_until(lambda: [manager.is_alive() for manager in made] == [True, False, False, False])
    finally:
        registry.stop(5.0)


def test_a_reload_under_way_is_refused_when_the_server_stops_and_its_models_are_freed(published, half_plus_two_dir):
    gate, is_loading = threading.Event(), threading.Event()

    def load(options, version, model_dir):
        if options.model_name == "b":
            is_loading.set()
            gate.wait(60)
        return version_loader.load_version(options, version, model_dir)

    made = []

    def make_manager(model):
        options = model_options.ModelOptions(model.name, model.base_path, model.policy)
        made.append(model_manager.ModelManager(options, load))
        return made[-1]

    registry = model_registry.ModelRegistry(make_manager)
    _start(registry, published("a"))
    refusals = []

    def reload():
        try:
            registry.reload([published("a"), published("b")])
        except errors.UnavailableError as error:
            refusals.append(str(error))

    reloading = threading.Thread(target=reload)
    reloading.start()
    assert is_loading.wait(60)
    # What still loads is not freed yet, and the caller is told.
    assert not registry.stop(0.05)
    gate.set()
    reloading.join(60)
    assert refusals == ["The server is shutting down and changes no models any more."]
    assert registry.stop(60.0)
    assert not any(manager.is_alive() for manager in made)
    with pytest.raises(errors.UnavailableError):
        registry.reload([published("a")])


def test_a_label_not_in_use_may_point_ahead_if_the_server_lets_it(published):
    def make_manager(model):
        return model_manager.ModelManager(model_options.ModelOptions(model.name, model.base_path, model.policy))

    registry = model_registry.ModelRegistry(make_manager, may_label_unavailable=True)
    try:
        _start(registry, published("a", next=3))
        with pytest.raises(errors.NotFoundError, match=r"Servable not found for request: Specific\(a, 3\)"):
            _answer(registry, "a", label="next")
        with pytest.raises(errors.FailedPreconditionError, match="assign label to version 4 of model a"):
            registry.reload([published("a", next=4)])
    finally:
        registry.stop(5.0)


def test_too_many_rows_are_refused(published):
    def make_manager(model):
        return model_manager.ModelManager(model_options.ModelOptions(model.name, model.base_path, model.policy))

    registry = model_registry.ModelRegistry(make_manager, max_request_rows=2)
    try:
        _start(registry, published("a"))
        with registry.lease(_spec("a")) as model:
            assert len(model.run("", {"x": np.zeros([2, 1], np.float32)})["y"]) == 2
            with pytest.raises(errors.InvalidArgumentError) as refusal:
                model.run("", {"x": np.zeros([3, 1], np.float32)})
        assert str(refusal.value) == "A request may have 2 rows (--max_request_rows), but has 3; ask in parts."
    finally:
        registry.stop(5.0)
