"""gRPC messages against their definitions, tensorflow_serving/apis/*.proto."""

import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from serving import errors
from serving.client import grpc_messages, model_info, model_request, model_spec

_MODEL = model_spec.ModelSpec("shop")


def test_a_model_spec_names_a_version_or_a_label():
    assert grpc_messages.to_model_spec(_MODEL).WhichOneof("version_choice") is None
    numbered = grpc_messages.to_model_spec(model_spec.ModelSpec("shop", 0))
    assert (numbered.WhichOneof("version_choice"), numbered.version.value) == ("version", 0)
    labelled = grpc_messages.to_model_spec(model_spec.ModelSpec("shop", version_label="stable"))
    assert (labelled.name, labelled.version_label) == ("shop", "stable")


def _broken_outputs():
    response = predict_pb2.PredictResponse()
    response.outputs["y"].dtype = 1
    response.outputs["y"].tensor_shape.dim.add().size = -5
    return response


_PREDICT = model_request.PredictRequest(_MODEL, "s", {}, model_info.Signature({}, {}))
_GARBLED = {
    "no message": (_PREDICT, None, "that is no such message"),
    "a broken tensor": (_PREDICT, _broken_outputs(), "tensor parsing error: y"),
    "no signatures": (
        model_request.MetadataRequest(_MODEL),
        get_model_metadata_pb2.GetModelMetadataResponse(),
        "it lacks 'signature_def'",
    ),
    "an unknown state": (
        model_request.StatusRequest(_MODEL),
        get_model_status_pb2.GetModelStatusResponse(model_version_status=[{"version": 1, "state": 77}]),
        "77",
    ),
    "an unknown code": (
        model_request.StatusRequest(_MODEL),
        get_model_status_pb2.GetModelStatusResponse(model_version_status=[{"status": {"error_code": 99}}]),
        "99",
    ),
}


@pytest.mark.parametrize("case", _GARBLED)
def test_an_answer_that_is_none_is_told(case):
    request, response, text = _GARBLED[case]
    with pytest.raises(errors.InternalError) as refusal:
        grpc_messages.read(request, response)
    assert str(refusal.value).startswith("The server did not answer as TensorFlow Serving does")
    assert text in str(refusal.value)
