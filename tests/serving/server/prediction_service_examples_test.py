"""Classify, Regress and MultiInference of a running server, asked with TensorFlow Serving's own stubs."""

import grpc
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving import example_requests, tiny_models

_X = example_requests.of_x(2.0)


@pytest.fixture(scope="module")
def stub(upstream_server):
    with grpc.insecure_channel(f"127.0.0.1:{upstream_server.port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def _spec(signature_name, name="half_plus_two", **choice):
    return {"name": name, "signature_name": signature_name, **choice}


# At x = 2: y = 0.5 * 2 + 2 = 3.
def test_classify_answers_with_version_and_signature(stub):
    request = classification_pb2.ClassificationRequest(model_spec=_spec("classify_x_to_y"), input=_X)
    assert stub.Classify(request, timeout=10) == classification_pb2.ClassificationResponse(
        model_spec=_spec("classify_x_to_y", version={"value": 123}),
        result={"classifications": [{"classes": [{"score": 3.0}]}]},
    )


def test_regress_answers_with_version_and_signature(stub):
    request = regression_pb2.RegressionRequest(model_spec=_spec("regress_x_to_y", version={"value": 123}), input=_X)
    assert stub.Regress(request, timeout=10) == regression_pb2.RegressionResponse(
        model_spec=_spec("regress_x_to_y", version={"value": 123}), result={"regressions": [{"value": 3.0}]}
    )


def test_multi_inference_answers_each_task(stub):
    request = inference_pb2.MultiInferenceRequest(
        tasks=[
            {"model_spec": _spec("regress_x_to_y"), "method_name": "tensorflow/serving/regress"},
            {"model_spec": _spec("classify_x_to_y"), "method_name": "tensorflow/serving/classify"},
        ],
        input=_X,
    )
    assert stub.MultiInference(request, timeout=10) == inference_pb2.MultiInferenceResponse(
        results=[
            {
                "model_spec": _spec("regress_x_to_y", version={"value": 123}),
                "regression_result": {"regressions": [{"value": 3.0}]},
            },
            {
                "model_spec": _spec("classify_x_to_y", version={"value": 123}),
                "classification_result": {"classifications": [{"classes": [{"score": 3.0}]}]},
            },
        ]
    )


# Codes and texts as in classification_service.cc, regression_service.cc, multi_inference_helper.cc, server_core.cc.
_NO_TASK = inference_pb2.MultiInferenceRequest(input=_X)
_ABSENT_TASK = inference_pb2.MultiInferenceRequest(tasks=[{"model_spec": _spec("", "absent")}], input=_X)
_PREDICT_TASK = inference_pb2.MultiInferenceRequest(
    tasks=[{"model_spec": _spec(""), "method_name": "tensorflow/serving/predict"}], input=_X
)


@pytest.mark.parametrize(
    ("method", "request_", "code", "text"),
    [
        ("Classify", classification_pb2.ClassificationRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        ("Regress", regression_pb2.RegressionRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        ("MultiInference", _NO_TASK, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            "Classify",
            classification_pb2.ClassificationRequest(model_spec=_spec("", "absent")),
            "NOT_FOUND",
            "Servable not found for request: Latest(absent)",
        ),
        (
            "Regress",
            regression_pb2.RegressionRequest(model_spec=_spec("", version={"value": 9})),
            "NOT_FOUND",
            "Servable not found for request: Specific(half_plus_two, 9)",
        ),
        ("MultiInference", _ABSENT_TASK, "NOT_FOUND", "Servable not found for request: Latest(absent)"),
        (
            "Classify",
            classification_pb2.ClassificationRequest(model_spec=_spec("classify_x_to_y")),
            "INVALID_ARGUMENT",
            "Input is empty.",
        ),
        (
            "MultiInference",
            _PREDICT_TASK,
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
    ],
)
def test_a_wrong_request_gets_the_code_and_sentence_of_tensorflow_serving(stub, method, request_, code, text):
    with pytest.raises(grpc.RpcError) as refusal:
        getattr(stub, method)(request_, timeout=10)
    assert (refusal.value.code().name, refusal.value.details()) == (code, text)


def test_a_server_can_be_told_to_check_the_method_name(misfits_dir):
    spec = _spec("other_method", "misfits")
    task = {"model_spec": spec, "method_name": "tensorflow/serving/classify"}
    requests = {
        "Classify": classification_pb2.ClassificationRequest(model_spec=spec, input=_X),
        "Regress": regression_pb2.RegressionRequest(model_spec=spec, input=_X),
        "MultiInference": inference_pb2.MultiInferenceRequest(tasks=[task], input=_X),
    }
    options = {"model_name": "misfits", "enable_signature_method_name_check": True}
    with (
        tiny_models.running_server(misfits_dir.parent, **options) as config,
        grpc.insecure_channel(f"127.0.0.1:{config.port}") as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for method, request in requests.items():
            with pytest.raises(grpc.RpcError) as refusal:
                getattr(stub, method)(request, timeout=10)
            assert refusal.value.details().endswith("Was: other/method"), method
