"""What is kept of a request: counts by the names of TensorFlow Serving, and lines by ours."""

import logging as standard_logging

import pytest
from absl import logging

from serving import errors
from serving.server import metrics, request_ids, request_records


def test_requests_are_counted_by_model_and_status_and_only_answered_ones_have_a_latency():
    counted = metrics.Metrics()
    records = request_records.RequestRecords(counted)
    with records.recording("shop", "predict", "REST"):
        pass
    for error in (errors.NotFoundError("no"), errors.NotFoundError("no")):
        with pytest.raises(errors.NotFoundError), records.recording("shop", "predict", "REST"):
            raise error
    with pytest.raises(KeyError), records.recording("shop", "predict", "GRPC"):
        raise KeyError
    lines = counted.text().splitlines()
    assert lines[:4] == [
        "# TYPE :tensorflow:serving:request_count counter",
        ':tensorflow:serving:request_count{model_name="shop",status="INTERNAL"} 1',
        ':tensorflow:serving:request_count{model_name="shop",status="NOT_FOUND"} 2',
        ':tensorflow:serving:request_count{model_name="shop",status="OK"} 1',
    ]
    latency = ':tensorflow:serving:request_latency_count{model_name="shop",API="predict",entrypoint="REST"} 1'
    assert latency in lines
    assert not [line for line in lines if 'entrypoint="GRPC"' in line]


@pytest.fixture
def lines():
    """Returns the texts and the fields of what is logged."""
    logged = []
    handler = standard_logging.Handler()
    handler.emit = lambda record: logged.append((record.levelname, record.getMessage(), record.fields))
    logger, verbosity = logging.get_absl_logger(), logging.get_verbosity()
    logger.addHandler(handler)
    logging.set_verbosity(logging.INFO)
    yield logged
    logging.set_verbosity(verbosity)
    logger.removeHandler(handler)


def _record(logged):
    records = request_records.RequestRecords(metrics.Metrics(), logged)
    token = request_ids.CURRENT.set(request_ids.RequestId(lambda: "abc"))
    try:
        with records.recording("shop", "Predict", "GRPC") as record:
            record.version = 7
        with pytest.raises(errors.NotFoundError), records.recording("", "Predict", "GRPC"):
            raise errors.NotFoundError("no")
        records.add_refused("REST", errors.StatusCode.RESOURCE_EXHAUSTED)
    finally:
        request_ids.CURRENT.reset(token)


def test_every_request_has_a_line_with_its_id_version_status_and_time(lines):
    _record("all")
    level, text, fields = lines[0]
    milliseconds = fields.pop("milliseconds")
    assert 0 <= milliseconds < 1000
    assert fields == {
        "entrypoint": "GRPC",
        "api": "Predict",
        "model": "shop",
        "version": 7,
        "status": "OK",
        "request_id": "abc",
    }
    assert (level, text) == ("INFO", f"GRPC Predict shop/7 OK {milliseconds:g} ms")
    assert [(level, text.rpartition(" ")[0].rpartition(" ")[0]) for level, text, _ in lines[1:]] == [
        ("WARNING", "GRPC Predict ?/? NOT_FOUND"),
        ("WARNING", "REST ? ?/? RESOURCE_EXHAUSTED"),
    ]


def test_lines_may_be_of_failed_requests_alone_or_of_none(lines):
    _record("failed")
    assert [fields["status"] for _, _, fields in lines] == ["NOT_FOUND", "RESOURCE_EXHAUSTED"]
    lines.clear()
    _record("none")
    assert not lines
