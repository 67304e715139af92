"""gRPC ModelService of a running server, asked with TensorFlow Serving's own stubs."""

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc


@pytest.fixture(scope="module")
def stub(playground):
    with grpc.insecure_channel(f"127.0.0.1:{playground.port}") as channel:
        yield model_service_pb2_grpc.ModelServiceStub(channel)


def test_an_available_version_says_so(stub):
    request = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "tiny"})
    (status,) = stub.GetModelStatus(request, timeout=10).model_version_status
    assert status.version == 7
    assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert status.HasField("status")
    assert status.status.error_code == 0


@pytest.mark.parametrize(
    ("model_spec", "code", "text"),
    [
        (None, "INVALID_ARGUMENT", "Missing ModelSpec"),
        ({"name": "absent"}, "NOT_FOUND", "Could not find any versions of model absent"),
        ({"name": "tiny", "version": {"value": 9}}, "NOT_FOUND", "Could not find version 9 of model tiny"),
    ],
)
def test_what_the_server_never_saw_is_not_found(stub, model_spec, code, text):
    with pytest.raises(grpc.RpcError) as refusal:
        stub.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(model_spec=model_spec), timeout=10)
    assert refusal.value.code() is grpc.StatusCode[code]
    assert refusal.value.details() == text
