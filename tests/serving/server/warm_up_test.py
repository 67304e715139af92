import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import errors, tensor_proto
from serving.server import servable, warm_up


def _record(inputs, signature_name="two_inputs"):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature_name
    for name, array in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tensor_proto.to_proto(array))
    return log.SerializeToString()


_GOOD = _record({"a": np.ones(1, np.float32), "b": np.ones(1, np.int64)})


@pytest.fixture
def model_dir(playground_dir, tmp_path):
    return shutil.copytree(playground_dir, tmp_path / "7")


@pytest.fixture
def model(model_dir):
    loaded = servable.Servable.load("tiny", 7, model_dir)
    yield loaded
    loaded.close()


def _write(model_dir, records):
    path = model_dir / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def test_every_record_is_run(model, model_dir):
    _write(model_dir, [_GOOD, _GOOD, _record({"x": np.zeros([1, 1], np.float32)}, "")])
    assert warm_up.warm_up(model, model_dir) == 3


def test_without_a_file_nothing_is_run(model, model_dir):
    assert warm_up.warm_up(model, model_dir) == 0


def test_a_record_that_fails_stops_with_the_models_own_error(model, model_dir):
    _write(model_dir, [_GOOD, _record({"a": np.ones(1, np.float32)}), _GOOD])
    with pytest.raises(errors.InvalidArgumentError, match=r"Missing but required: \{b\}"):
        warm_up.warm_up(model, model_dir)


def test_a_record_that_is_no_prediction_log_is_refused(model, model_dir):
    _write(model_dir, [b"\xff\xff"])
    with pytest.raises(
        errors.InvalidArgumentError, match=r"Failed to parse warmup record from .*tf_serving_warmup_requests"
    ):
        warm_up.warm_up(model, model_dir)


def test_a_record_of_another_method_is_refused(model, model_dir):
    log = prediction_log_pb2.PredictionLog()
    log.classify_log.request.model_spec.name = "tiny"
    _write(model_dir, [log.SerializeToString()])
    with pytest.raises(errors.UnimplementedError, match="Unsupported log_type for warmup: classify_log"):
        warm_up.warm_up(model, model_dir)


def test_a_file_that_is_cut_short_is_corrupt(model, model_dir):
    path = _write(model_dir, [_GOOD, _GOOD])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(
        errors.DataLossError, match=r"corrupt after 1 records\. Please verify your warmup data is in TFRecord"
    ):
        warm_up.warm_up(model, model_dir)


def test_more_than_a_thousand_records_are_refused(model, model_dir):
    _write(model_dir, [_GOOD] * 1001)
    with pytest.raises(errors.InvalidArgumentError, match=r"Number of warmup records exceeds the maximum \(1000\)"):
        warm_up.warm_up(model, model_dir)
