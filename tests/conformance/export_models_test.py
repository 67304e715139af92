"""What export_models writes for another server to be started with."""

import pathlib

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests.conformance import export_models


@pytest.fixture
def written(endpoint):
    if not endpoint.is_ours:
        pytest.skip("The folder is on the machine of that server.")
    return pathlib.Path(endpoint.models_dir)


def test_the_configuration_lists_the_models_with_policies_and_labels(written):
    text = (written / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    by_name = {each.name: each for each in config.model_config_list.config}
    assert len(by_name) == 11
    assert dict(by_name["labelled"].version_labels) == {"stable": 123, "canary": 124}
    assert by_name["newest_two"].model_version_policy.latest.num_versions == 2
    assert by_name["every_version"].model_version_policy.WhichOneof("policy_choice") == "all"
    for name, model in by_name.items():
        assert model.model_platform == "tensorflow"
        versions = sorted(pathlib.Path(model.base_path).iterdir())
        assert versions, name
        assert all((version / "saved_model.pb").exists() for version in versions)


def test_metrics_are_turned_on(written):
    expected = 'prometheus_config {\n  enable: true\n  path: "/monitoring/prometheus/metrics"\n}\n'
    assert (written / "monitoring.config").read_text() == expected


def test_folders_may_have_another_name_for_the_server():
    config = export_models.models_config(pathlib.PurePosixPath("/models"))
    paths = {each.name: each.base_path for each in config.model_config_list.config}
    assert paths["half_plus_two"] == "/models/half_plus_two"
