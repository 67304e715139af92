"""gRPC PredictionService of a running server, asked with TensorFlow Serving's own stubs."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc


@pytest.fixture(scope="module")
def stub(playground):
    with grpc.insecure_channel(f"127.0.0.1:{playground.port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def _request(inputs, signature_name="", version=None, name="tiny", output_filter=()):
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = name
    request.model_spec.signature_name = signature_name
    if version is not None:
        request.model_spec.version.value = version
    for key, values in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
    return request


def test_the_answer_has_typed_fields_and_the_resolved_version(stub):
    response = stub.Predict(_request({"x": np.array([[1.0], [5.0]], np.float32)}), timeout=10)
    assert list(response.outputs["y"].float_val) == [2.5, 4.5]
    assert not response.outputs["y"].tensor_content
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [2, 1]
    assert response.model_spec.name == "tiny"
    assert response.model_spec.version.value == 7
    assert response.model_spec.signature_name == "serving_default"


@pytest.mark.parametrize("timeout", [None, 1e8])
def test_a_request_may_have_no_deadline_or_a_far_one(stub, timeout):
    response = stub.Predict(_request({"x": np.array([[1.0]], np.float32)}), timeout=timeout)
    assert list(response.outputs["y"].float_val) == [2.5]


def test_strings_booleans_and_integers_have_their_fields(stub):
    response = stub.Predict(_request({"texts": np.array([b"\xff"], object)}, "text", version=7), timeout=10)
    assert list(response.outputs["raw_bytes"].string_val) == [b"\xff"]
    response = stub.Predict(
        _request({"a": np.ones(1, np.float32), "b": np.ones(1, np.int64)}, "two_inputs"), timeout=10
    )
    assert list(response.outputs["is_equal"].bool_val) == [True]
    assert list(response.outputs["next"].int64_val) == [2]


def test_an_output_filter_selects(stub):
    request = _request({"a": np.ones(1, np.float32), "b": np.ones(1, np.int64)}, "two_inputs", output_filter=["next"])
    assert list(stub.Predict(request, timeout=10).outputs) == ["next"]


_X = {"x": np.zeros([1, 1], np.float32)}
_BAD_TENSOR = predict_pb2.PredictRequest(
    model_spec={"name": "tiny"}, inputs={"x": {"dtype": "DT_FLOAT", "tensor_content": b"1"}}
)
_LABEL = predict_pb2.PredictRequest(model_spec={"name": "tiny", "version_label": "stable"})
_REFUSED = [
    (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    (_request(_X, name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    (_request(_X, name="absent"), "NOT_FOUND", "Servable not found for request: Latest(absent)"),
    (_request(_X, version=9), "NOT_FOUND", "Servable not found for request: Specific(tiny, 9)"),
    (_LABEL, "INVALID_ARGUMENT", "Unrecognized servable version label: stable"),
    (_request(_X, "absent"), "FAILED_PRECONDITION", 'Serving signature key "absent" not found.'),
    (
        _request({}),
        "INVALID_ARGUMENT",
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
    ),
    (_request({"x": np.zeros([1, 1])}), "INVALID_ARGUMENT", "Expects arg[0] to be float but double is provided"),
    (_BAD_TENSOR, "INVALID_ARGUMENT", "tensor parsing error: x"),
    (_request({"texts": np.array([b"bad"])}, "refuses"), "INVALID_ARGUMENT", "texts must not be bad"),
    (
        _request(_X, output_filter=["z"]),
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
    ),
]


@pytest.mark.parametrize(("request_", "code", "text"), _REFUSED, ids=[row[2][:60] for row in _REFUSED])
def test_a_wrong_request_gets_the_code_and_sentence_of_tensorflow_serving(stub, request_, code, text):
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(request_, timeout=10)
    assert text in refusal.value.details()
    assert refusal.value.code() is grpc.StatusCode[code]


def test_a_long_message_is_cut_so_that_it_fits_a_header(stub):
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(_request(_X, "s" * 100_000), timeout=10)
    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert len(refusal.value.details()) == 1024 + len("...TRUNCATED")


def test_metadata_carries_the_signatures(stub):
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec={"name": "tiny"}, metadata_field=["signature_def"]
    )
    response = stub.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert response.model_spec.version.value == 7
    assert signatures.signature_def["text"].inputs["texts"].dtype == tf.string.as_datatype_enum


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), "Missing ModelSpec"),
        (
            get_model_metadata_pb2.GetModelMetadataRequest(model_spec={"name": "tiny"}),
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            get_model_metadata_pb2.GetModelMetadataRequest(model_spec={"name": "tiny"}, metadata_field=["weights"]),
            "Metadata field weights is not supported",
        ),
    ],
)
def test_wrong_metadata_requests_are_refused(stub, request_, text):
    with pytest.raises(grpc.RpcError) as refusal:
        stub.GetModelMetadata(request_, timeout=10)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.value.details() == text
