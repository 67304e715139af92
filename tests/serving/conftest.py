import contextlib
import functools

import numpy as np
import pytest

from serving.server import servable
from tests.serving import example_models, small_recommender, tiny_models, upstream_models


@pytest.fixture(scope="session")
def half_plus_two_dir(tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("half_plus_two") / "model"
    tiny_models.export_half_plus(model_dir, 2.0)
    return model_dir


@pytest.fixture(scope="session")
def half_plus_three_dir(tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("half_plus_three") / "model"
    tiny_models.export_half_plus(model_dir, 3.0)
    return model_dir


@pytest.fixture(scope="session")
def playground_dir(tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("playground") / "7"
    tiny_models.export_playground(model_dir)
    return model_dir


@pytest.fixture(scope="session")
def playground(playground_dir):
    """A server over version 7 of the playground model, served as `tiny`; gives its config."""
    with tiny_models.running_server(playground_dir.parent, file_system_poll_wait_seconds=1.0) as config:
        yield config


@pytest.fixture(scope="session")
def playground_model(playground_dir):
    """Version 7 of the playground model, loaded as the server loads it."""
    loaded = servable.Servable.load("tiny", 7, playground_dir)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def scann_dir(tmp_path_factory):
    """A model with ScaNN's ops over the four unit vectors and their sum; see `tiny_models.export_scann`."""
    model_dir = tmp_path_factory.mktemp("scann") / "1"
    tiny_models.export_scann(model_dir, np.concatenate([np.eye(4), np.full([1, 4], 0.6)]).astype(np.float32))
    return model_dir


@pytest.fixture(scope="session")
def small_exports(tmp_path_factory):
    """Returns the export of a kind, made when it is first asked for.

    A fixture with parameters forgets one for the next, and would make each again for every file.
    """
    return functools.cache(lambda kind: small_recommender.export(kind, tmp_path_factory.mktemp("small") / "1"))


@pytest.fixture(scope="session")
def small_servables(small_exports):
    """Returns what `small_servable` is of a kind; as with the exports."""
    with contextlib.ExitStack() as loaded:

        @functools.cache
        def load(kind):
            made = servable.Servable.load("small", 1, small_exports(kind).path)
            loaded.callback(made.close)
            return made

        yield load


@pytest.fixture(scope="session", params=["brute_force", "scann"])
def small_export(request, small_exports):
    """The small recommender with precomputed queries as a SavedModel; see `small_recommender.export`."""
    return small_exports(request.param)


@pytest.fixture(scope="session")
def small_servable(small_export, small_servables):
    """The small recommender, loaded as the server loads it."""
    return small_servables(small_export.kind)


@pytest.fixture(scope="session")
def upstream_dir(tmp_path_factory):
    """TensorFlow Serving's half_plus_two as version 123; see `upstream_models.export_half_plus_two`."""
    model_dir = tmp_path_factory.mktemp("upstream") / "123"
    upstream_models.export_half_plus_two(model_dir)
    return model_dir


@pytest.fixture(scope="session")
def upstream_half_plus_two(upstream_dir):
    """The same, loaded as the server loads it."""
    loaded = servable.Servable.load("half_plus_two", 123, upstream_dir)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def upstream_server(upstream_dir):
    """A server over the same, served as `half_plus_two`; gives its config."""
    options = {"model_name": "half_plus_two", "file_system_poll_wait_seconds": 1.0}
    with tiny_models.running_server(upstream_dir.parent, **options) as config:
        yield config


@pytest.fixture(scope="session")
def animals(tmp_path_factory):
    """A loaded TensorFlow 2 model that classifies and regresses; see `example_models.Animals`."""
    model_dir = tmp_path_factory.mktemp("animals") / "3"
    example_models.export_animals(model_dir)
    loaded = servable.Servable.load("animals", 3, model_dir)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def misfits_dir(tmp_path_factory):
    """A model of unfit signatures; see `example_models.export_misfits`."""
    model_dir = tmp_path_factory.mktemp("misfits") / "1"
    example_models.export_misfits(model_dir)
    return model_dir


@pytest.fixture(scope="session")
def misfits(misfits_dir):
    """The same, loaded as the server loads it."""
    loaded = servable.Servable.load("misfits", 1, misfits_dir)
    yield loaded
    loaded.close()
