"""Samples of requests on disk, which may warm up a version."""

import http.client
import json
import pathlib
import stat

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import errors, warm_up_requests
from serving.server import model_config, request_log, request_log_file, servable, warm_up
from tests.serving import tiny_models
from tests.serving.server import grpc_asking


def _logs(paths):
    records = tf.data.TFRecordDataset([str(path) for path in paths]).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def _log(number):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.name = f"shop {number}"
    return log


def _write(prefix, numbers, sampling_rate=1.0):
    log = request_log.RequestLog()
    config = model_config.RequestLogging(prefix, sampling_rate)
    for number in numbers:
        if (add := log.sampled(config)) is not None:
            add(_log(number))
    assert log.stop(30)
    return log


def test_every_request_is_in_a_file_where_all_are_wanted_and_none_where_nobody_asked(tmp_path):
    log = _write(tmp_path / "logs" / "shop", range(3))
    (path,) = (tmp_path / "logs").iterdir()
    assert path.name.startswith("shop-2")
    assert path.suffix == ".tfrecord"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = _logs([path])
    assert [each.predict_log.request.model_spec.name for each in written] == ["shop 0", "shop 1", "shop 2"]
    assert written[0].log_metadata.sampling_config.sampling_rate == 1.0
    assert written[0].log_metadata.timestamp_secs > 1_700_000_000
    assert (log.num_written, log.num_dropped) == (3, 0)
    assert log.sampled(None) is None


def test_a_tenth_of_the_requests_is_about_a_tenth(tmp_path):
    log = request_log.RequestLog()
    config = model_config.RequestLogging(tmp_path / "shop", 0.1)
    drawn = sum(log.sampled(config) is not None for _ in range(10_000))
    # Five standard deviations of a binomial: 5 * sqrt(10,000 * .1 * .9) = 150.
    assert abs(drawn - 1000) < 150
    assert log.stop(30)


def test_a_file_has_no_more_records_than_a_warm_up_may(tmp_path, monkeypatch):
    monkeypatch.setattr(request_log_file, "_MAX_RECORDS", 3)
    _write(tmp_path / "shop", range(7))
    paths = sorted(tmp_path.iterdir())
    assert sorted(len(_logs([path])) for path in paths) == [1, 3, 3]
    assert not [path for path in paths if path.suffix == ".open"]


def test_a_crash_leaves_what_was_written_in_a_file_that_says_so(tmp_path):
    file = request_log_file.RequestLogFile(tmp_path / "shop")
    file.append(_log(1).SerializeToString())
    assert file.num_unwritten == 1
    assert file.flush() == 1
    (path,) = tmp_path.iterdir()
    assert path.name.endswith(".tfrecord.open")
    assert len(_logs([path])) == 1
    file.complete()


def test_what_the_disk_does_not_take_is_counted_and_told_and_fails_nobody(tmp_path, caplog):
    (tmp_path / "taken").write_text("a file")
    log = _write(tmp_path / "taken" / "shop", range(5))
    assert (log.num_written, log.num_dropped) == (0, 5)
    assert "Requests are missing from the request log" in caplog.text


def test_a_full_disk_is_counted_by_record(tmp_path, monkeypatch):
    real = request_log_file.tf.io.TFRecordWriter
    monkeypatch.setattr(request_log_file.tf.io, "TFRecordWriter", lambda path: real("/dev/full"))
    log = _write(tmp_path / "shop", range(5))
    assert (log.num_written, log.num_dropped) == (0, 5)


@pytest.fixture(scope="module")
def logged(playground_dir, tmp_path_factory):
    """Returns what a server logs of a request over each protocol, and the lines of its metrics."""
    folder = tmp_path_factory.mktemp("request_log")
    (folder / "monitoring.config").write_text("prometheus_config { enable: true }")
    options = {"request_log_dir": folder / "logs", "request_log_sampling_rate": 1.0}
    with tiny_models.running_server(
        playground_dir.parent, monitoring_config_file=folder / "monitoring.config", **options
    ) as server:
        with grpc_asking.channel_to(server) as channel:
            grpc_asking.predict(channel, grpc_asking.request(3.0))
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_api_port, timeout=30)
        connection.request("POST", "/v1/models/tiny:predict", json.dumps({"instances": [[5.0]]}))
        assert connection.getresponse().read()
        connection.request("POST", "/v1/models/tiny:predict", "no JSON")
        assert connection.getresponse().read()

        def metrics():
            connection.request("GET", "/monitoring/prometheus/metrics")
            return connection.getresponse().read().decode().splitlines()

        tiny_models.wait_until(lambda: "tfrs_server_request_log_written_total{} 2" in metrics())
        lines = metrics()
        connection.close()
    (path,) = (folder / "logs" / "tiny").iterdir()
    return path, lines


def test_a_server_logs_requests_of_both_protocols_alike(logged):
    path, _ = logged
    over_grpc, over_rest = (each.predict_log for each in _logs([path]))
    assert [tf.make_ndarray(each.request.inputs["x"]).tolist() for each in (over_grpc, over_rest)] == [[[3.0]], [[5.0]]]
    # x * 0.5 + 2
    assert [list(each.response.outputs["y"].float_val) for each in (over_grpc, over_rest)] == [[3.5], [4.5]]
    metadata = _logs([path])[1].log_metadata.model_spec
    assert (metadata.name, metadata.version.value) == ("tiny", 7)


def test_what_was_logged_warms_up_a_version(logged, playground_dir, tmp_path):
    path, _ = logged
    target = tmp_path / warm_up_requests.PATH
    target.parent.mkdir(parents=True)
    target.write_bytes(path.read_bytes())
    model = servable.Servable.load("tiny", 7, playground_dir)
    assert warm_up.warm_up(model, tmp_path) == 2
    model.close()


def test_metrics_tell_of_queues_versions_and_the_log(logged):
    _, lines = logged
    assert 'tfrs_server_model_version_info{model_name="tiny",version="7",state="AVAILABLE"} 1' in lines
    for api in ("grpc", "rest"):
        assert f'tfrs_server_queued_requests{{api="{api}"}} 0' in lines
        assert f'tfrs_server_requests_under_way{{api="{api}"}} 0' in lines
    assert 'tfrs_server_request_queue_seconds_count{api="grpc"} 1' in lines
    assert 'tfrs_server_request_queue_seconds_count{api="rest"} 2' in lines
    assert "tfrs_server_request_log_dropped_total{} 0" in lines


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("", "The logging_config of model shop must have a filename_prefix such as /logs/shop/requests, but has ''."),
        ('log_collector_config { filename_prefix: "logs" }', "must have a filename_prefix such as /logs/shop/requests"),
        (
            'log_collector_config { filename_prefix: "/logs/shop" } sampling_config { sampling_rate: 1.5 }',
            "The sampling_rate of model shop must be between 0 and 1, but is 1.5.",
        ),
        ('log_collector_config { type: "other" }', "this server has no other collectors. Leave the rest out."),
    ],
)
def test_a_logging_config_that_cannot_be_followed_is_refused(tmp_path, fields, sentence):
    path = tmp_path / "models.config"
    model = f'name: "shop" base_path: "/shop" model_platform: "tensorflow" logging_config {{ {fields} }}'
    path.write_text(f"model_config_list {{ config {{ {model} }} }}")
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        model_config.read(path)
    assert sentence in str(refusal.value)


def test_a_logging_config_says_where_and_how_many(tmp_path):
    path = tmp_path / "models.config"
    fields = 'log_collector_config { filename_prefix: "/logs/shop" } sampling_config { sampling_rate: 0.25 }'
    model = f'name: "shop" base_path: "/shop" model_platform: "tensorflow" logging_config {{ {fields} }}'
    path.write_text(f"model_config_list {{ config {{ {model} }} }}")
    (read,) = model_config.read(path)
    assert read.request_logging == model_config.RequestLogging(pathlib.Path("/logs/shop"), 0.25)
