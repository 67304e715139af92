"""Versions that come, go and fail, under a manager that polls a real folder with real models."""

import shutil
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from serving import errors
from serving.server import model_manager, model_options, version_loader, version_policy
from tests.serving import tiny_models


@pytest.fixture
def base_path(tmp_path):
    path = tmp_path / "tiny"
    path.mkdir()
    return path


@pytest.fixture
def start(base_path):
    """Starts a manager over `base_path`; all are stopped at the end."""
    managers = []

    def start_manager(load=version_loader.load_version, **options):
        defaults = {"poll_wait_seconds": 0.01, "max_num_load_retries": 0, "load_retry_interval_seconds": 0.0}
        settings = model_options.ModelOptions("tiny", base_path, **{**defaults, **options})
        manager = model_manager.ModelManager(settings, load)
        managers.append(manager)
        manager.start()
        return manager

    yield start_manager
    for manager in managers:
        manager.stop(grace_seconds=5.0)


def _answer(manager, version=None):
    model = manager.acquire(version)
    try:
        return float(model.run("", {"x": np.zeros([1, 1], np.float32)})["y"][0, 0])
    finally:
        manager.release(model)


def _states(manager):
    return {status.version: status.state.name for status in manager.statuses()}


def _error_of(manager, version):
    return next(status.error for status in manager.statuses() if status.version == version)


def test_the_newest_version_serves(base_path, start, half_plus_two_dir, half_plus_three_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 9)
    tiny_models.publish(half_plus_three_dir, base_path, 10)
    manager = start()
    assert manager.wait_until_available(60)
    assert _answer(manager) == 3.0
    assert manager.acquire(9) is None
    assert _states(manager) == {10: "AVAILABLE"}


def test_a_new_version_replaces_the_old_one(base_path, start, half_plus_two_dir, half_plus_three_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    tiny_models.publish(half_plus_three_dir, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {2: "AVAILABLE", 1: "END"})
    assert _answer(manager) == 3.0
    assert _error_of(manager, 1) is None


def test_a_policy_has_several_versions_serve_and_changes_while_they_do(base_path, start, half_plus_two_dir):
    for version in (1, 2, 3):
        tiny_models.publish(half_plus_two_dir, base_path, version)
    manager = start(policy=version_policy.Latest(2), poll_wait_seconds=0.0)
    assert manager.wait_until_available(60)
    # Settled: every version that is to serve does.
    assert _states(manager) == {3: "AVAILABLE", 2: "AVAILABLE"}
    assert manager.acquire().version == 3
    manager.set_policy(version_policy.Specific(frozenset({1, 2})))
    tiny_models.wait_until(lambda: manager.is_available(1) and not manager.is_available(3))
    assert _states(manager)[2] == "AVAILABLE"
    manager.set_policy(version_policy.All())
    tiny_models.wait_until(lambda: all(manager.is_available(version) for version in (1, 2, 3)))
    # Nothing that is named is there: what serves goes on.
    manager.set_policy(version_policy.Specific(frozenset({9})))
    tiny_models.publish(half_plus_two_dir, base_path, 8)
    manager.set_policy(version_policy.Specific(frozenset({8, 9})))
    tiny_models.wait_until(lambda: manager.is_available(8) and not manager.is_available(1))


def test_a_version_that_was_named_has_no_stand_in(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    (base_path / "2").mkdir()
    manager = start(policy=version_policy.Specific(frozenset({2})))
    with pytest.raises(errors.FailedPreconditionError, match="version 2 could not be loaded"):
        manager.wait_until_available(60)
    assert _states(manager) == {2: "END"}


def test_a_caller_in_a_hurry_hears_of_the_first_failure(base_path, start):
    (base_path / "1").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=3600.0)
    with pytest.raises(errors.FailedPreconditionError, match="version 1 could not be loaded"):
        manager.wait_until_available(60, is_retried=False)
    assert not manager.wait_until_available(0.05)


def test_taking_the_newest_version_away_goes_back_to_the_one_before(
    base_path, start, half_plus_two_dir, half_plus_three_dir
):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    newest = tiny_models.publish(half_plus_three_dir, base_path, 2)
    manager = start()
    assert manager.wait_until_available(60)
    shutil.rmtree(newest)
    tiny_models.wait_until(lambda: _states(manager) == {1: "AVAILABLE", 2: "END"})
    assert _answer(manager) == 2.0


def test_an_old_version_stays_until_its_last_request_is_done(base_path, start, half_plus_two_dir, half_plus_three_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    lent = manager.acquire()
    tiny_models.publish(half_plus_three_dir, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {2: "AVAILABLE", 1: "UNLOADING"})
    time.sleep(0.1)
    assert _states(manager)[1] == "UNLOADING"
    assert float(lent.run("", {"x": np.zeros([1, 1], np.float32)})["y"][0, 0]) == 2.0
    manager.release(lent)
    tiny_models.wait_until(lambda: _states(manager)[1] == "END")


@pytest.mark.parametrize(
    "damage", ["empty folder", "cut saved_model.pb", "no variables", "failing warm-up", "wrong op"]
)
def test_a_broken_version_never_replaces_a_good_one(base_path, start, half_plus_two_dir, tmp_path, damage):
    broken = shutil.copytree(half_plus_two_dir, tmp_path / "broken")
    if damage == "empty folder":
        shutil.rmtree(broken)
        broken.mkdir()
    elif damage == "cut saved_model.pb":
        (broken / "saved_model.pb").write_bytes((broken / "saved_model.pb").read_bytes()[:100])
    elif damage == "no variables":
        shutil.rmtree(broken / "variables")
    elif damage == "wrong op":
        content = (broken / "saved_model.pb").read_bytes()
        (broken / "saved_model.pb").write_bytes(content.replace(b"AddV2", b"AddV9"))
    else:
        (broken / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(broken / "assets.extra" / "tf_serving_warmup_requests")) as writer:
            writer.write(b"\xff\xff")
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    tiny_models.publish(broken, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {1: "AVAILABLE", 2: "END"})
    assert _error_of(manager, 2) is not None
    assert _answer(manager) == 2.0
    # And the next good one does replace it.
    tiny_models.publish(half_plus_two_dir, base_path, 3)
    tiny_models.wait_until(lambda: _states(manager) == {1: "END", 2: "END", 3: "AVAILABLE"})


def test_the_old_version_serves_as_long_as_the_new_one_takes_to_load(base_path, start, half_plus_two_dir):
    gate = threading.Event()

    def load(options, version, model_dir):
        assert version == 1 or gate.wait(60)
        return version_loader.load_version(options, version, model_dir)

    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start(load)
    assert manager.wait_until_available(60)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {1: "AVAILABLE", 2: "LOADING"})
    assert _answer(manager) == 2.0
    gate.set()
    tiny_models.wait_until(lambda: _states(manager) == {1: "END", 2: "AVAILABLE"})


def test_a_version_that_comes_back_under_its_number_is_loaded_anew(
    base_path, start, half_plus_two_dir, half_plus_three_dir
):
    first = tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    shutil.rmtree(first)
    tiny_models.wait_until(lambda: manager._replaced)
    assert _answer(manager) == 2.0
    tiny_models.publish(half_plus_three_dir, base_path, 1)
    tiny_models.wait_until(lambda: _answer(manager) == 3.0)
    assert _states(manager) == {1: "AVAILABLE"}


def test_a_failed_version_that_is_not_wanted_any_more_costs_nothing(base_path, start, half_plus_two_dir):
    (base_path / "2").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=0.2, poll_wait_seconds=3600.0)
    tiny_models.wait_until(lambda: manager.statuses())
    tiny_models.publish(half_plus_two_dir, base_path, 3)
    manager.set_policy(version_policy.Latest())
    tiny_models.wait_until(lambda: manager.is_available(3))
    # Long after the retry of 2 was due, the thread waits for the next look at the disk.
    time.sleep(0.5)
    assert manager._seconds_until_next_work() > 3000.0


def test_a_failed_version_whose_folder_goes_away_is_at_its_end(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    (base_path / "2").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=3600.0)
    tiny_models.wait_until(lambda: _states(manager) == {1: "AVAILABLE", 2: "LOADING"})
    (base_path / "2").rmdir()
    tiny_models.wait_until(lambda: _states(manager) == {1: "AVAILABLE", 2: "END"})
    assert "Could not find SavedModel" in str(_error_of(manager, 2))


def test_after_a_restart_the_last_good_version_stands_in_for_a_broken_one(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    (base_path / "2").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=60.0)
    assert manager.wait_until_available(60)
    assert _states(manager) == {1: "AVAILABLE", 2: "LOADING"}
    assert "Could not find SavedModel" in str(_error_of(manager, 2))


def test_a_version_that_is_still_being_written_is_tried_again(base_path, start, half_plus_two_dir):
    (base_path / "1").mkdir()
    manager = start(max_num_load_retries=1_000_000, load_retry_interval_seconds=0.05)
    tiny_models.wait_until(lambda: manager.statuses() and _error_of(manager, 1))
    assert _states(manager) == {1: "LOADING"}
    shutil.copytree(half_plus_two_dir, base_path / "1", dirs_exist_ok=True)
    assert manager.wait_until_available(60)
    assert _error_of(manager, 1) is None


def test_a_version_is_tried_once_and_then_as_often_as_there_are_retries(base_path, start):
    attempts = []

    def load(options, version, model_dir):
        attempts.append(version)
        raise errors.DataLossError("torn")

    (base_path / "1").mkdir()
    manager = start(load, max_num_load_retries=2)
    tiny_models.wait_until(lambda: _states(manager) == {1: "END"})
    time.sleep(0.1)
    assert attempts == [1, 1, 1]
    assert str(_error_of(manager, 1)) == "torn"


def test_a_failed_folder_that_comes_back_is_tried_again(base_path, start, half_plus_two_dir):
    (base_path / "1").mkdir()
    (base_path / "2").mkdir()
    manager = start()
    tiny_models.wait_until(lambda: _states(manager) == {1: "END", 2: "END"})
    (base_path / "2").rmdir()
    time.sleep(0.1)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {1: "END", 2: "AVAILABLE"})


def test_a_defect_in_the_loader_is_a_status_and_not_the_end_of_the_manager(base_path, start, half_plus_two_dir):
    def load(options, version, model_dir):
        if version == 1:
            raise KeyError("surprise")
        return version_loader.load_version(options, version, model_dir)

    (base_path / "1").mkdir()
    manager = start(load)
    tiny_models.wait_until(lambda: _states(manager) == {1: "END"})
    assert str(_error_of(manager, 1)) == "KeyError: 'surprise'"
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {1: "END", 2: "AVAILABLE"})


def test_when_no_version_can_be_loaded_the_wait_ends_with_the_reason(base_path, start):
    (base_path / "4").mkdir()
    manager = start()
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        manager.wait_until_available(60)
    assert str(refusal.value).startswith(
        "Model tiny did not become available: version 4 could not be loaded (NOT_FOUND: Could not find SavedModel"
    )
    assert str(refusal.value).endswith(f"Mend or remove the folders under {base_path}.")


def test_an_empty_base_path_is_waited_for_and_said(base_path, start, half_plus_two_dir, caplog):
    manager = start()
    assert not manager.wait_until_available(0.1)
    assert f"Model tiny waits for a version: no folder named by an integer under {base_path}" in caplog.text
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    assert manager.wait_until_available(60)


def test_a_base_path_that_goes_away_leaves_the_model_serving(base_path, start, half_plus_two_dir, caplog):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    base_path.rename(base_path.with_name("elsewhere"))
    tiny_models.wait_until(lambda: "Model tiny keeps serving version 1: cannot list" in caplog.text)
    assert _answer(manager) == 2.0
    base_path.with_name("elsewhere").rename(base_path)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: _states(manager) == {1: "END", 2: "AVAILABLE"})


def test_zero_seconds_between_polls_means_one_look(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start(poll_wait_seconds=0.0)
    assert manager.wait_until_available(60)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    time.sleep(0.2)
    assert _states(manager) == {1: "AVAILABLE"}


def test_stopping_waits_for_requests_as_long_as_the_grace_time(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    lent = manager.acquire()
    stopping = threading.Thread(target=manager.stop, args=[10.0])
    stopping.start()
    time.sleep(0.1)
    assert stopping.is_alive()
    manager.release(lent)
    stopping.join(5)
    assert not stopping.is_alive()
    assert _states(manager) == {1: "END"}


def test_a_version_in_use_beyond_the_grace_time_is_left_alone(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    lent = manager.acquire()
    assert not manager.stop(grace_seconds=0.05)
    assert _states(manager) == {1: "UNLOADING"}
    assert lent.run("", {"x": np.zeros([1, 1], np.float32)})["y"].item() == 2.0
    manager.release(lent)
    assert manager.stop(grace_seconds=0.05)
