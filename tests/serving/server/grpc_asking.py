"""What the tests of the gRPC port send to a server of the playground model."""

import contextlib

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


def request(x=0.0, signature_name="", **inputs):
    made = predict_pb2.PredictRequest()
    made.model_spec.name = "tiny"
    made.model_spec.signature_name = signature_name
    for name, value in (inputs or {"x": np.array([[x]], np.float32)}).items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return made


def waiting(path):
    """Returns a request that is answered once the file exists."""
    return request(signature_name="wait", path=str(path))


@contextlib.contextmanager
def channel_to(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


def predict(channel, made=None, timeout=10):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(made or request(), timeout=timeout)


def status(channel):
    asked = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "tiny"})
    return model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(asked, timeout=10)
