import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import errors
from serving.server import model_options, servable, version_loader
from tests.serving import tiny_models


@pytest.fixture
def model_dir(tmp_path, half_plus_two_dir):
    """A version with one warm-up request."""
    published = tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros([1, 1], np.float32)))
    (published / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(published / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
    return published


@pytest.mark.parametrize("num_warm_ups", [0, 1, 3])
def test_the_warm_up_is_replayed_as_often_as_it_says(model_dir, monkeypatch, num_warm_ups):
    runs = []
    run = servable.Servable.run
    monkeypatch.setattr(servable.Servable, "run", lambda self, *inputs: (runs.append(1), run(self, *inputs))[1])
    options = model_options.ModelOptions("tiny", model_dir.parent, num_warm_ups=num_warm_ups)
    version_loader.load_version(options, 1, model_dir).close()
    assert len(runs) == num_warm_ups


def test_files_leave_the_page_cache_only_where_the_flag_says_so(model_dir, monkeypatch):
    forgotten = []
    monkeypatch.setattr("os.posix_fadvise", lambda *arguments: forgotten.append(arguments[1:]))
    for is_cache_flushed in (False, True):
        options = model_options.ModelOptions("tiny", model_dir.parent, is_cache_flushed=is_cache_flushed)
        version_loader.load_version(options, 1, model_dir).close()
        assert bool(forgotten) == is_cache_flushed
    num_files = sum(path.is_file() for path in model_dir.rglob("*"))
    # From 0 to the end; 4 is POSIX_FADV_DONTNEED.
    assert forgotten == [(0, 0, 4)] * num_files


def test_a_version_whose_warm_up_fails_does_not_stay_loaded(model_dir, monkeypatch):
    (model_dir / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"\xff" * 40)
    closed = []
    close = servable.Servable.close
    monkeypatch.setattr(servable.Servable, "close", lambda self: (closed.append(self.version), close(self)))
    with pytest.raises(errors.DataLossError):
        version_loader.load_version(model_options.ModelOptions("tiny", model_dir.parent), 1, model_dir)
    assert closed == [1]
