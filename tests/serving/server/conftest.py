import pytest

from tests.serving.server import managed


@pytest.fixture
def base_path(tmp_path):
    path = tmp_path / "tiny"
    path.mkdir()
    return path


@pytest.fixture
def start(base_path):
    """Starts a manager over `base_path`; all are stopped at the end."""
    managers = managed.Managers(base_path)
    yield managers
    managers.stop()
