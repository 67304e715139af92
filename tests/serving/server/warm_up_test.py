import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import errors, tensor_proto
from serving.server import servable, warm_up
from tests.serving import example_requests


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


@pytest.mark.parametrize("kind", ["session_run_log", "predict_streamed_log"])
def test_a_record_of_another_kind_is_refused(model, model_dir, kind):
    log = prediction_log_pb2.PredictionLog()
    getattr(log, kind).SetInParent()
    _write(model_dir, [log.SerializeToString()])
    with pytest.raises(
        errors.UnimplementedError, match=f"Unsupported log_type for warmup: {kind}; this server replays"
    ):
        warm_up.warm_up(model, model_dir)


def _example_records():
    """Returns a record of each kind that carries examples."""
    examples = example_requests.of_x(2.0)
    classify, regress = (prediction_log_pb2.PredictionLog() for _ in range(2))
    classify.classify_log.request.model_spec.signature_name = "classify_x_to_y"
    classify.classify_log.request.input.CopyFrom(examples)
    regress.regress_log.request.model_spec.signature_name = "regress_x_to_y"
    regress.regress_log.request.input.CopyFrom(examples)
    several = prediction_log_pb2.PredictionLog()
    several.multi_inference_log.request.input.CopyFrom(examples)
    for name in ("regress_x_to_y", "regress_x_to_y2"):
        several.multi_inference_log.request.tasks.add(
            model_spec={"name": "half_plus_two", "signature_name": name}, method_name="tensorflow/serving/regress"
        )
    return [log.SerializeToString() for log in (classify, regress, several)]


def test_records_of_classify_regress_and_multi_inference_are_run_too(upstream_half_plus_two, tmp_path):
    _write(tmp_path, _example_records())
    assert warm_up.warm_up(upstream_half_plus_two, tmp_path, is_method_name_checked=True) == 3


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (0, "No signature was found with the name: classify_x_to_y"),
        (1, "No signature was found with the name: regress_x_to_y"),
        (2, "Requested signature not found in model graph: regress_x_to_y"),
    ],
)
def test_a_record_with_examples_that_fails_stops_with_its_own_error(model, model_dir, position, text):
    _write(model_dir, [_GOOD, _example_records()[position], _GOOD])
    with pytest.raises(errors.InvalidArgumentError, match=f"^{text}$"):
        warm_up.warm_up(model, model_dir)


def test_a_record_is_replayed_with_the_check_of_the_method_name(misfits, tmp_path):
    log = prediction_log_pb2.PredictionLog()
    log.classify_log.request.model_spec.signature_name = "other_method"
    log.classify_log.request.input.CopyFrom(example_requests.of_x(1.0))
    _write(tmp_path, [log.SerializeToString()])
    assert warm_up.warm_up(misfits, tmp_path) == 1
    with pytest.raises(errors.InvalidArgumentError, match="Was: other/method"):
        warm_up.warm_up(misfits, tmp_path, is_method_name_checked=True)


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
