import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import warm_up_requests

_INPUTS = {
    "query_id": tf.constant(["u1", "é"]),
    "history": tf.constant([["c1", ""], ["", "c2"]]),
    "age": tf.constant([1.5, np.nan]),
}


def _read(export):
    # The place that TensorFlow Serving reads: https://www.tensorflow.org/tfx/serving/saved_model_warmup
    records = tf.data.TFRecordDataset(str(export / "assets.extra" / "tf_serving_warmup_requests"))
    return [prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in records]


def test_each_signature_gets_one_predict_request_with_all_inputs(tmp_path):
    warm_up_requests.write_warm_up_requests(tmp_path, "movies", _INPUTS, ("serving_default", "embed_query"))
    logs = _read(tmp_path)
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log", "predict_log"]
    requests = [log.predict_log.request for log in logs]
    assert [request.model_spec.signature_name for request in requests] == ["serving_default", "embed_query"]
    for request in requests:
        assert request.model_spec.name == "movies"
        assert not request.model_spec.HasField("version")
        assert set(request.inputs) == set(_INPUTS)
        for name, values in _INPUTS.items():
            np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), values.numpy())
            assert request.inputs[name].dtype == values.dtype.as_datatype_enum


def test_an_input_of_no_columns_keeps_its_shape_and_type(tmp_path):
    inputs = {"history": tf.zeros([1, 0], tf.string)}
    warm_up_requests.write_warm_up_requests(tmp_path, "movies", inputs, ("serving_default",))
    (log,) = _read(tmp_path)
    tensor = tf.make_ndarray(log.predict_log.request.inputs["history"])
    assert tensor.shape == (1, 0)
    assert log.predict_log.request.inputs["history"].dtype == tf.string.as_datatype_enum


def test_the_records_stand_beside_other_extra_assets(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "titles.parquet").write_bytes(b"kept")
    warm_up_requests.write_warm_up_requests(tmp_path, "movies", {"age": _INPUTS["age"]}, ("serving_default",))
    assert sorted(each.name for each in (tmp_path / "assets.extra").iterdir()) == [
        "tf_serving_warmup_requests",
        "titles.parquet",
    ]
