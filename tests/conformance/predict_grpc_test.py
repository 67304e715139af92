"""PredictionService.Predict."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.conformance import models, requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import GrpcRefusal, id_of

_TWO = requests.spec("half_plus_two")
_X = {"x": [[1.0], [5.0]]}


@cites(Source.MODEL_SERVER_TEST, "VerifyPredictRequest: x = 2 of shape [1], y = 3, with and without an output filter")
@pytest.mark.parametrize("output_filter", [["y"], []])
def test_half_plus_two_of_two_is_three(prediction, output_filter):
    response = prediction.Predict(requests.predict(_TWO, {"x": [2.0]}, output_filter), timeout=10)
    assert list(response.outputs) == ["y"]
    assert response.outputs["y"].dtype == tf.float32.as_datatype_enum
    assert list(response.outputs["y"].float_val) == [3.0]


@cites(Source.MODEL_SERVER_TEST, "testGoodModelConfig: half_plus_three of 2 is 4")
def test_half_plus_three_of_two_is_four(prediction):
    response = prediction.Predict(requests.predict(requests.spec("half_plus_three"), {"x": [2.0]}), timeout=10)
    assert list(response.outputs["y"].float_val) == [4.0]


@cites(Source.PREDICT_UTIL, "PostProcessPredictionResult: AsProtoField by default")
def test_outputs_come_in_their_typed_field_with_their_shape(prediction):
    output = prediction.Predict(requests.predict(_TWO, _X), timeout=10).outputs["y"]
    assert list(output.float_val) == [2.5, 4.5]
    assert not output.tensor_content
    assert [dim.size for dim in output.tensor_shape.dim] == [2, 1]


# TensorProto's fields, tensorflow/core/framework/tensor.proto.
_FIELDS = {
    tf.float32: ("float_val", [0.5, -2.0]),
    tf.float64: ("double_val", [0.1, 1e300]),
    tf.float16: ("half_val", [0x3C00, 0xC000]),
    tf.complex64: ("scomplex_val", [1.0, 2.0, 3.0, -4.0]),
    tf.bool: ("bool_val", [True, False]),
    tf.string: ("string_val", [b"\xff\x00", b""]),
    tf.int8: ("int_val", [-128, 127]),
    tf.int16: ("int_val", [-32768, 32767]),
    tf.int32: ("int_val", [-(2**31), 2**31 - 1]),
    tf.int64: ("int64_val", [-(2**63), 2**63 - 1]),
    tf.uint8: ("int_val", [0, 255]),
    tf.uint16: ("int_val", [0, 65535]),
    tf.uint32: ("uint32_val", [0, 2**32 - 1]),
    tf.uint64: ("uint64_val", [0, 2**64 - 1]),
}


@cites(Source.PREDICT_PROTO, "PredictRequest.inputs, PredictResponse.outputs: TensorProto of every dtype")
@pytest.mark.parametrize("dtype", models.ECHOED, ids=lambda dtype: dtype.name)
def test_every_dtype_comes_back_in_the_field_that_it_came_in(prediction, dtype):
    field, values = _FIELDS[dtype]
    request = predict_pb2.PredictRequest(model_spec=requests.spec("types", dtype.name))
    request.inputs["values"].dtype = dtype.as_datatype_enum
    request.inputs["values"].tensor_shape.dim.add(size=2)
    getattr(request.inputs["values"], field).extend(values)
    output = prediction.Predict(request, timeout=10).outputs["echo"]
    assert output.dtype == dtype.as_datatype_enum
    assert list(getattr(output, field)) == values


@cites(Source.SAVED_MODEL_UTIL, "GetInputValues: Tensor::FromProto")
def test_an_input_may_come_as_tensor_content(prediction):
    request = predict_pb2.PredictRequest(model_spec=_TWO)
    request.inputs["x"].CopyFrom(
        tf.make_tensor_proto(np.array([[1.0], [5.0]], np.float32))  # NumPy arrays go into tensor_content.
    )
    assert request.inputs["x"].tensor_content
    assert list(prediction.Predict(request, timeout=10).outputs["y"].float_val) == [2.5, 4.5]


@cites(Source.TENSOR, "FromProtoField: the last value fills the rest of the shape")
def test_one_value_fills_the_shape_of_an_input(prediction):
    request = predict_pb2.PredictRequest(model_spec=_TWO)
    request.inputs["x"].dtype = tf.float32.as_datatype_enum
    request.inputs["x"].float_val.append(4.0)
    for size in (3, 1):
        request.inputs["x"].tensor_shape.dim.add(size=size)
    assert list(prediction.Predict(request, timeout=10).outputs["y"].float_val) == [4.0, 4.0, 4.0]


@cites(Source.SERVABLE_UTIL, "MakeModelSpec: name, version, and serving_default where no signature was named")
@cites(Source.MODEL_SERVER_TEST, "_VerifyModelSpec")
@pytest.mark.parametrize("signature_name", ["", "serving_default"])
def test_the_answer_names_the_model_the_version_and_the_signature(prediction, signature_name):
    request = requests.predict(requests.spec("half_plus_two", signature_name), _X)
    answered = prediction.Predict(request, timeout=10).model_spec
    assert (answered.name, answered.version.value, answered.signature_name) == ("half_plus_two", 123, "serving_default")


@cites(Source.EXPORT_COUNTER, "get_counter, incr_counter, incr_counter_by, reset_counter")
@cites(Source.PREDICT_UTIL, "VerifyRequestInputsSize: a signature may have no inputs")
def test_the_counter_counts_and_signatures_without_inputs_are_asked_without(prediction):
    def ask(signature_name, **inputs):
        request = requests.predict(requests.spec("counter", signature_name), inputs)
        return prediction.Predict(request, timeout=10).outputs["output"].float_val[0]

    assert ask("reset_counter") == 0.0
    assert ask("incr_counter") == 1.0
    assert ask("incr_counter_by", delta=2.5) == 3.5
    assert ask("get_counter") == 3.5
    assert ask("reset_counter") == 0.0


@cites(Source.PREDICT_UTIL, "PreProcessPrediction: output_filter")
def test_an_output_filter_selects(prediction):
    request = requests.predict(
        requests.spec("types", "text_and_bytes"), {"text": np.array([b"a"], object)}, ["raw_bytes"]
    )
    assert list(prediction.Predict(request, timeout=10).outputs) == ["raw_bytes"]


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_BAD_TENSOR = predict_pb2.PredictRequest(model_spec=_TWO, inputs={"x": {"dtype": "DT_FLOAT", "tensor_content": b"1"}})
_REFUSED = [
    GrpcRefusal(
        predict_pb2.PredictRequest(),
        _INVALID,
        "Missing ModelSpec",
        cite(Source.PREDICT_IMPL, "Predict: Missing ModelSpec"),
    ),
    GrpcRefusal(
        requests.predict(requests.spec(""), _X),
        _INVALID,
        "ModelSpec has no name specified.",
        cite(Source.SERVER_CORE, "ServableRequestFromModelSpec"),
    ),
    GrpcRefusal(
        requests.predict(requests.spec("absent"), _X),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(absent)",
        cite(Source.BASIC_MANAGER, "ServingMap::GetUntypedServableHandle"),
    ),
    GrpcRefusal(
        requests.predict(requests.spec("half_plus_two", version=9), _X),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Specific(half_plus_two, 9)",
        cite(Source.BASIC_MANAGER, "ServingMap::GetUntypedServableHandle"),
    ),
    GrpcRefusal(
        requests.predict(requests.spec("half_plus_two", label="nonexistent"), _X),
        _INVALID,
        "Unrecognized servable version label: nonexistent",
        cite(Source.SERVER_CORE, "GetModelVersionForLabel"),
    ),
    GrpcRefusal(
        requests.predict(requests.spec("half_plus_two", "absent"), _X),
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "absent" not found.',
        cite(Source.PREDICT_UTIL, "RunPredict"),
    ),
    GrpcRefusal(
        requests.predict(_TWO),
        _INVALID,
        "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        cite(Source.PREDICT_UTIL, "VerifyRequestInputsSize"),
    ),
    GrpcRefusal(
        requests.predict(_TWO, {"x": [1.0], "z": [1.0]}),
        _INVALID,
        "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
        cite(Source.PREDICT_UTIL, "VerifyRequestInputsSize"),
    ),
    GrpcRefusal(
        requests.predict(_TWO, {"z": [1.0]}),
        _INVALID,
        "Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected "
        "to be in the request {z}, or default input alias set: ",
        cite(Source.SAVED_MODEL_UTIL, "GetInputValues"),
    ),
    GrpcRefusal(
        requests.predict(_TWO, {"x": np.zeros([1, 1])}),
        _INVALID,
        "Expects arg[0] to be float but double is provided",
        cite(Source.FUNCTION, "FunctionCallFrame::SetArgs"),
    ),
    GrpcRefusal(_BAD_TENSOR, _INVALID, "tensor parsing error: x", cite(Source.SAVED_MODEL_UTIL, "GetInputValues")),
    GrpcRefusal(
        requests.predict(_TWO, _X, ["z"]),
        _INVALID,
        "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
        cite(Source.PREDICT_UTIL, "PreProcessPrediction"),
    ),
    GrpcRefusal(
        requests.predict(_TWO, _X, ["y", "y"]),
        _INVALID,
        "duplicate output tensor alias: y",
        cite(Source.PREDICT_UTIL, "PreProcessPrediction"),
    ),
    GrpcRefusal(
        requests.predict(requests.spec("types", "refuses"), {"x": [-1.0]}),
        _INVALID,
        "assertion failed: [x must not be negative]",
        cite(Source.PREDICT_UTIL, "RunPredict: Session::Run"),
        is_beginning=True,
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=id_of)
def test_a_wrong_request_gets_the_code_and_the_sentence(prediction, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Predict(refusal.request, timeout=10)
    details = refused.value.details()
    assert details.startswith(refusal.text) if refusal.is_beginning else details == refusal.text
    assert refused.value.code() is refusal.code


@cites(Source.GRPC_STATUS, "ToGRPCStatus: kErrorMessageLimit = 1024")
def test_a_long_sentence_is_cut(prediction):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Predict(requests.predict(requests.spec("half_plus_two", "s" * 5000), _X), timeout=10)
    assert refused.value.details() == f'Serving signature key "{"s" * 5000}'[:1024] + "...TRUNCATED"
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@cites(Source.SERVER, "BuildAndStart: SetMaxMessageSize(kint32max)")
def test_a_message_of_more_than_four_megabytes_is_taken(endpoint):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    x = np.zeros([2_000_000, 1], np.float32)
    with grpc.insecure_channel(endpoint.grpc_target, options) as opened:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(opened)
        response = stub.Predict(requests.predict(_TWO, {"x": x}), timeout=30)
    assert tf.make_ndarray(response.outputs["y"]).shape == (2_000_000, 1)
