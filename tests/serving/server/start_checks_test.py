import pytest

from serving.server import server_config, start_checks
from tests.serving import tiny_models


def test_a_version_folder_in_place_of_its_parent_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(
        start_checks.ServerStartError, match="is itself a version; point the flag at the folder above it"
    ):
        start_checks.check(server_config.ServerConfig(model_base_path=tmp_path))


def test_a_socket_in_a_folder_that_is_not_there_is_refused(tmp_path):
    config = server_config.ServerConfig(tmp_path, grpc_socket_path=str(tmp_path / "absent" / "grpc.sock"))
    with pytest.raises(start_checks.ServerStartError, match=r"--grpc_socket_path=.*absent is no folder\. Create it"):
        start_checks.check(config)


def test_histories_that_are_not_there_are_refused_before_anything_is_loaded(tmp_path):
    config = server_config.ServerConfig(
        tmp_path, rest_api_port=tiny_models.free_port(), explorer=True, explorer_histories=tmp_path / "absent.parquet"
    )
    with pytest.raises(
        server_config.ServerConfigError, match=r"^--explorer_histories=.*absent\.parquet does not exist; "
    ):
        start_checks.check(config)
