"""What becomes of calls while the server stops."""

import time
import types

import pytest

from serving import errors
from serving.server import bounded_pool, grpc_admission, metrics, request_records

_PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture
def admission():
    pools = [bounded_pool.BoundedPool(1, 1, name) for name in ("inference", "control", "reload")]
    yield grpc_admission.Admission(*pools, request_records.RequestRecords(metrics.Metrics()))
    for pool in pools:
        pool.stop()


def _handler(admission, method):
    chosen = types.SimpleNamespace(unary_unary=None)
    return admission.intercept_service(lambda details: chosen, types.SimpleNamespace(method=method)), chosen


def _refusal_of(handler):
    refused = []
    context = types.SimpleNamespace(
        abort=lambda *status: refused.append(status),
        invocation_metadata=tuple,
        set_trailing_metadata=lambda pairs: None,
    )
    handler.stream_unary(iter(()), context)
    return refused[0][0].name, refused[0][1]


def test_a_stopping_server_tells_callers_to_ask_another_one_and_goes_on_telling_its_health(admission):
    handler, chosen = _handler(admission, _PREDICT)
    assert handler is chosen
    admission.say_goodbye()
    for method in (_PREDICT, "/tensorflow.serving.ModelService/GetModelStatus"):
        handler, _ = _handler(admission, method)
        assert _refusal_of(handler) == (
            errors.StatusCode.UNAVAILABLE.name,
            "The server is stopping and takes no more requests; ask another one.",
        )
    handler, chosen = _handler(admission, "/grpc.health.v1.Health/Check")
    assert handler is chosen


def test_who_is_not_asked_stops_at_once(admission):
    started = time.monotonic()
    admission.say_goodbye()
    # Callers who do not stop are told so for .3 seconds.
    assert time.monotonic() - started < 0.25
