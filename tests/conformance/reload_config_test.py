"""ModelService.HandleReloadConfigRequest: adds, moves and removes models, and gives labels."""

import dataclasses
from collections.abc import Callable

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.conformance import export_models, requests
from tests.conformance.citations import Source, cite, cites
from tests.serving import tiny_models

_State = get_model_status_pb2.ModelVersionStatus.State
_Config = model_server_config_pb2.ModelServerConfig


@pytest.fixture(scope="module")
def models_dir(endpoint):
    if endpoint.models_dir is None:
        pytest.skip("A reload names folders: give --models_dir, what export_models wrote as the server sees it.")
    return endpoint.models_dir


@pytest.fixture
def config(models_dir):
    """The configuration that the server was started with; a test changes it and reloads."""
    return export_models.models_config(models_dir)


@pytest.fixture
def reload(model_service, models_dir):
    """Reloads, and afterwards everything is as it was."""

    def apply(config):
        request = model_management_pb2.ReloadConfigRequest(config=config)
        return model_service.HandleReloadConfigRequest(request, timeout=60)

    yield apply
    apply(export_models.models_config(models_dir))
    for name, versions in (("newest", [2]), ("moving", [2]), ("added", [])):
        tiny_models.wait_until(lambda name=name, versions=versions: _available(model_service, name) == versions)


def _statuses(model_service, name):
    try:
        response = model_service.GetModelStatus(requests.status(requests.spec(name)), timeout=10)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return {}
    return {each.version: each.state for each in response.model_version_status}


def _available(model_service, name):
    return [version for version, state in _statuses(model_service, name).items() if state == _State.AVAILABLE]


def _y(prediction, name, **choice):
    """Returns which version answers, and what it makes of 2."""
    response = prediction.Predict(requests.predict(requests.spec(name, **choice), {"x": [2.0]}), timeout=10)
    return response.model_spec.version.value, response.outputs["y"].float_val[0]


def _part(config, name):
    return next(each for each in config.model_config_list.config if each.name == name)


def _remove(config, name):
    config.model_config_list.config.remove(_part(config, name))


@cites(Source.MODEL_SERVICE, "HandleReloadConfigRequest: the status of the response")
@cites(Source.MODEL_MANAGEMENT_PROTO, "ReloadConfigResponse.status")
def test_a_reload_without_a_change_is_fine(reload, config, prediction):
    response = reload(config)
    assert response.HasField("status")
    assert (response.status.error_code, response.status.error_message) == (0, "")
    assert _y(prediction, "half_plus_two") == (123, 3.0)


@cites(Source.SERVER_CORE_TEST, "ReloadConfigWaitsTillModelsAvailable")
def test_a_model_that_is_added_serves_when_the_reload_returns(reload, config, prediction, models_dir):
    export_models.add_model(config, "added", models_dir / "added")
    reload(config)
    assert _y(prediction, "added") == (7, 8.0)
    assert _y(prediction, "half_plus_two") == (123, 3.0)


@cites(Source.SERVER_CORE_TEST, "ReloadConfigUnloadsModels: the state becomes kEnd")
def test_a_model_that_is_removed_ends(reload, config, prediction, model_service):
    _remove(config, "newest")
    reload(config)
    tiny_models.wait_until(lambda: _statuses(model_service, "newest") == {2: _State.END})
    with pytest.raises(grpc.RpcError) as refused:
        _y(prediction, "newest")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert refused.value.details() == "Servable not found for request: Latest(newest)"


@cites(Source.SERVER_CORE_TEST, "ReloadConfigHandlesLoadingAPreviouslyUnloadedModel")
def test_a_model_that_was_removed_may_come_back(reload, config, prediction, model_service, models_dir):
    _remove(config, "newest")
    reload(config)
    tiny_models.wait_until(lambda: not _available(model_service, "newest"))
    reload(export_models.models_config(models_dir))
    assert _y(prediction, "newest") == (2, 3.0)


@cites(Source.SERVER_CORE_TEST, "ReloadConfigChangeModelBasePath")
def test_a_model_may_move_to_another_folder(reload, config, prediction, model_service, models_dir):
    _part(config, "moving").base_path = str(models_dir / "moved")
    reload(config)
    tiny_models.wait_until(lambda: _available(model_service, "moving") == [5])
    assert _y(prediction, "moving") == (5, 6.0)


@cites(Source.SERVING_CONFIG, "Serving a specific version of a model: to roll back")
def test_a_version_policy_rolls_back(reload, config, prediction, model_service):
    _part(config, "moving").model_version_policy.specific.versions.append(1)
    reload(config)
    tiny_models.wait_until(lambda: _available(model_service, "moving") == [1])
    assert _y(prediction, "moving") == (1, 2.0)


@cites(Source.SERVER_CORE, "UpdateModelVersionLabelMap: the new labels replace the old ones")
@cites(Source.SERVING_CONFIG, "Assigning string labels to model versions")
def test_labels_move_and_go(reload, config, prediction):
    labels = _part(config, "labelled").version_labels
    labels.clear()
    labels["stable"] = 124
    reload(config)
    assert _y(prediction, "labelled", label="stable") == (124, 4.0)
    with pytest.raises(grpc.RpcError) as refused:
        _y(prediction, "labelled", label="canary")
    assert refused.value.details() == "Unrecognized servable version label: canary"


@cites(Source.SERVER_CORE_TEST, "MultiplePlatformsWithConfigChange: one added, one kept, one removed")
def test_one_reload_adds_moves_and_removes(reload, config, prediction, model_service, models_dir):
    export_models.add_model(config, "added", models_dir / "added")
    _part(config, "moving").base_path = str(models_dir / "moved")
    _remove(config, "newest")
    reload(config)
    assert _y(prediction, "added") == (7, 8.0)
    assert _y(prediction, "half_plus_two") == (123, 3.0)
    tiny_models.wait_until(lambda: _available(model_service, "moving") == [5])
    tiny_models.wait_until(lambda: not _available(model_service, "newest"))


@dataclasses.dataclass(frozen=True)
class _Wrong:
    """A change that makes the configuration wrong, and what is answered."""

    change: Callable[[_Config], object]
    text: str
    citation: str
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT


def _list_twice(config):
    config.model_config_list.config.append(_part(config, "half_plus_two"))


def _without_platform(config):
    _part(config, "half_plus_two").model_platform = ""


def _with_type_too(config):
    _part(config, "half_plus_two").model_type = model_server_config_pb2.TENSORFLOW


def _other_platform(config):
    _part(config, "half_plus_two").model_platform = "other"


def _new_model_of_other_platform(config):
    export_models.add_model(config, "odd", "/nowhere").model_platform = "other"


_VALIDATE = cite(Source.SERVER_CORE, "ValidateModelConfigList")
_PLATFORM = cite(Source.SERVER_CORE, "GetPlatform")
_KIND = cite(Source.MODEL_SERVICE, "HandleReloadConfigRequest: only kModelConfigList")
_KIND_TEXT = (
    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
)
_WRONG = {
    "a name twice": _Wrong(_list_twice, "Illegal to list model half_plus_two multiple times in config list", _VALIDATE),
    "a relative folder": _Wrong(
        lambda config: export_models.add_model(config, "odd", "models/odd"),
        "Expected model odd to have an absolute path or URI; got base_path()=models/odd",
        _VALIDATE,
    ),
    "no platform": _Wrong(
        _without_platform,
        "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform.",
        _PLATFORM,
    ),
    "type and platform": _Wrong(
        _with_type_too,
        "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        _PLATFORM,
    ),
    "another platform": _Wrong(
        _other_platform,
        "Illegal to change a model's platform. For model half_plus_two platform was tensorflow and new platform "
        "requested is other",
        cite(Source.SERVER_CORE, "ValidateNoModelsChangePlatforms"),
    ),
    "unknown platform": _Wrong(
        _new_model_of_other_platform,
        "Model odd requests unsupported platform other",
        cite(Source.SERVER_CORE, "CreateStoragePathRoutes"),
    ),
    "a label in use for a version that does not serve": _Wrong(
        lambda config: _part(config, "labelled").version_labels.update({"stable": 777}),
        "Request to assign label to version 777 of model labelled, which is not currently available for inference",
        cite(Source.SERVER_CORE_TEST, "AssignExistingLabelToUnavailableVersion"),
        grpc.StatusCode.FAILED_PRECONDITION,
    ),
    "nothing": _Wrong(lambda config: config.Clear(), _KIND_TEXT, _KIND),
    "a custom configuration": _Wrong(lambda config: config.custom_model_config.SetInParent(), _KIND_TEXT, _KIND),
}


@pytest.mark.parametrize("wrong", _WRONG.values(), ids=_WRONG)
def test_a_wrong_configuration_is_refused_and_nothing_changes(reload, config, prediction, models_dir, wrong):
    # What is right in it is not done either.
    export_models.add_model(config, "added", models_dir / "added")
    _remove(config, "newest")
    wrong.change(config)
    with pytest.raises(grpc.RpcError) as refused:
        reload(config)
    assert refused.value.details() == wrong.text
    assert refused.value.code() is wrong.code
    assert _y(prediction, "half_plus_two") == (123, 3.0)
    assert _y(prediction, "newest") == (2, 3.0)
    with pytest.raises(grpc.RpcError):
        _y(prediction, "added")
