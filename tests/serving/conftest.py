import pytest

from tests.serving import tiny_models


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
