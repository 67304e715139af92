"""Writes the requests that a server replays before it answers anybody else."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

# The place and the format are TensorFlow Serving's.
PATH = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")


def write_warm_up_requests(
    export_dir: pathlib.Path, model_name: str, inputs: Mapping[str, np.ndarray], signature_names: tuple[str, ...]
) -> None:
    """Writes one Predict request per signature, all with the same inputs.

    Args:
      export_dir: an export that is still being built.
      model_name: name the model will be served under.
      inputs: array of each input, by name.
      signature_names: the signatures to warm up.
    """
    path = export_dir / PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name in signature_names:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature_name
            for name, values in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
