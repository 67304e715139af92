"""Replays the requests that an export brings along, before the version answers anybody else.

`<version>/assets.extra/tf_serving_warmup_requests` is a TFRecord file of
PredictionLog messages. The first request of each signature pays for TensorFlow's
lazy work (graph optimisation, ScaNN's searcher); here that is nobody's request.
A record that fails makes the version unfit to serve.
"""

import pathlib
import time

import tensorflow as tf
from absl import logging
from google.protobuf import message as protobuf_message
from tensorflow_serving.apis import prediction_log_pb2

from serving import errors, warm_up_requests
from serving.server import classify, multi_inference, predict, regress, servable

_MAX_NUM_RECORDS = 1000
# Field of PredictionLog to what answers its request.
_ANSWERS = {
    "predict_log": predict.predict,
    "classify_log": classify.classify,
    "regress_log": regress.regress,
    "multi_inference_log": multi_inference.multi_inference,
}


def warm_up(model: servable.Servable, model_dir: pathlib.Path, *, is_method_name_checked: bool = False) -> int:
    """Runs every record of the warm-up file against `model`; without a file nothing happens.

    Args:
      model: what answers.
      model_dir: its folder.
      is_method_name_checked: whether a signature answers only the method it was exported for.

    Returns:
      The number of records run.

    Raises:
      ServingError: of the first record that cannot be read, parsed or answered, or if there are
        more than 1000.
    """
    path = model_dir / warm_up_requests.PATH
    if not path.exists():
        return 0
    started = time.monotonic()
    num_records = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            num_records += 1
            if num_records > _MAX_NUM_RECORDS:
                raise errors.InvalidArgumentError(
                    f"Number of warmup records exceeds the maximum ({_MAX_NUM_RECORDS}) at {path}"
                )
            _replay(model, record, path, is_method_name_checked)
    except tf.errors.DataLossError as error:
        raise errors.DataLossError(
            f"{path} is corrupt after {num_records} records. Please verify your warmup data is in TFRecord format."
        ) from error
    except tf.errors.OpError as error:
        raise servable.from_tensorflow_error(error) from error
    seconds = time.monotonic() - started
    logging.info("Warmed up %s version %d: %d records, %.2f s", model.model_name, model.version, num_records, seconds)
    return num_records


def _replay(model: servable.Servable, record: bytes, path: pathlib.Path, is_method_name_checked: bool) -> None:
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except protobuf_message.DecodeError as error:
        raise errors.InvalidArgumentError(f"Failed to parse warmup record from {path}") from error
    kind = log.WhichOneof("log_type")
    if kind not in _ANSWERS:
        raise errors.UnimplementedError(
            f"Unsupported log_type for warmup: {kind}; this server replays {', '.join(_ANSWERS)}."
        )
    _ANSWERS[kind](model, getattr(log, kind).request, is_method_name_checked=is_method_name_checked)
