"""GetModelStatus, over gRPC and REST."""

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2

from tests.conformance import requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import GrpcRefusal, RestRefusal, error_body, id_of

_AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


@cites(Source.API_REST, "Example: Get status of the model")
@cites(Source.REST_UTIL, "ToJsonString(GetModelStatusResponse): add_whitespace, always_print_primitive_fields")
@pytest.mark.parametrize("path", ["/v1/models/half_plus_two", "/v1/models/half_plus_two/versions/123"])
def test_the_answer_is_that_of_the_documentation(rest, path):
    response = rest.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.text == (
        "{\n"
        ' "model_version_status": [\n'
        "  {\n"
        '   "version": "123",\n'
        '   "state": "AVAILABLE",\n'
        '   "status": {\n'
        '    "error_code": "OK",\n'
        '    "error_message": ""\n'
        "   }\n"
        "  }\n"
        " ]\n"
        "}\n"
    )


@cites(Source.MODEL_SERVER_TEST, "testGetModelStatus")
def test_a_served_version_is_available_without_an_error(model_service):
    (status,) = model_service.GetModelStatus(
        requests.status(requests.spec("half_plus_two")), timeout=10
    ).model_version_status
    assert (status.version, status.state) == (123, _AVAILABLE)
    assert status.HasField("status")
    assert (status.status.error_code, status.status.error_message) == (0, "")


@cites(Source.GET_MODEL_STATUS, "GetModelStatusWithModelSpec: GetVersionStates")
@cites(Source.SERVABLE_STATE_MONITOR, "VersionMap: std::map with std::greater, the newest version first")
@pytest.mark.parametrize(
    ("model", "versions"),
    [("every_version", [3, 2, 1]), ("newest_two", [3, 2]), ("newest", [2]), ("labelled", [124, 123])],
)
def test_versions_of_each_policy_serve_the_newest_first(model_service, rest, model, versions):
    statuses = model_service.GetModelStatus(requests.status(requests.spec(model)), timeout=10).model_version_status
    assert [(status.version, status.state) for status in statuses] == [(version, _AVAILABLE) for version in versions]
    over_rest = rest.get(f"/v1/models/{model}").json()["model_version_status"]
    assert [status["version"] for status in over_rest] == [str(version) for version in versions]


@cites(Source.STATUS_PROTO, "GetModelStatusRequest: the status of only that version")
def test_one_version_may_be_asked_for(model_service, rest):
    request = requests.status(requests.spec("every_version", version=2))
    (status,) = model_service.GetModelStatus(request, timeout=10).model_version_status
    assert status.version == 2
    (over_rest,) = rest.get("/v1/models/every_version/versions/2").json()["model_version_status"]
    assert over_rest["version"] == "2"


_STATUS = cite(Source.GET_MODEL_STATUS, "GetModelStatusWithModelSpec")
_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_REFUSED = [
    GrpcRefusal(
        requests.status(None),
        grpc.StatusCode.INVALID_ARGUMENT,
        "Missing ModelSpec",
        cite(Source.GET_MODEL_STATUS, "GetModelStatus"),
    ),
    GrpcRefusal(
        requests.status(requests.spec("absent")), _NOT_FOUND, "Could not find any versions of model absent", _STATUS
    ),
    GrpcRefusal(requests.status(requests.spec("")), _NOT_FOUND, "Could not find any versions of model ", _STATUS),
    GrpcRefusal(
        requests.status(requests.spec("half_plus_two", version=9)),
        _NOT_FOUND,
        "Could not find version 9 of model half_plus_two",
        _STATUS,
    ),
    # Version 1 lies on disk, but the policy never wanted it.
    GrpcRefusal(
        requests.status(requests.spec("newest", version=1)),
        _NOT_FOUND,
        "Could not find version 1 of model newest",
        _STATUS,
    ),
]
_REFUSED_OVER_REST = [
    RestRefusal("/v1/models/absent", None, "Could not find any versions of model absent", _STATUS, 404),
    RestRefusal(
        "/v1/models/half_plus_two/versions/9", None, "Could not find version 9 of model half_plus_two", _STATUS, 404
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=id_of)
def test_what_is_not_there_is_refused_over_grpc(model_service, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        model_service.GetModelStatus(refusal.request, timeout=10)
    assert refused.value.details() == refusal.text
    assert refused.value.code() is refusal.code


@pytest.mark.parametrize("refusal", _REFUSED_OVER_REST, ids=id_of)
def test_what_is_not_there_is_refused_over_rest(rest, refusal):
    response = rest.get(refusal.path)
    assert response.text == error_body(refusal.text)
    assert response.status_code == refusal.status
