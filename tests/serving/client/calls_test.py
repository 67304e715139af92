"""What a call asks, one step after the other, without a server."""

import numpy as np
import pytest

from serving import errors
from serving.client import calls, deadline, model_info, model_request, model_spec

_MODEL = model_spec.ModelSpec("shop")
_SPEC = model_info.TensorSpec("DT_FLOAT", (None,))
_METADATA = model_info.ModelMetadata("shop", 7, {"serving_default": model_info.Signature({"x": _SPEC}, {"y": _SPEC})})


@pytest.fixture
def clock(monkeypatch):
    now = [50.0]
    plain = deadline.Deadline.__init__
    monkeypatch.setattr(deadline.Deadline, "__init__", lambda self, seconds: plain(self, seconds, lambda: now[0]))
    return now


def _finish(steps, answer):
    with pytest.raises(StopIteration) as stop:
        steps.send(answer)
    return stop.value.value


def test_reading_the_types_and_predicting_share_one_deadline(clock):
    steps = calls.Calls(10.0, None).predict(_MODEL, {"x": [1]}, None, None)
    first = next(steps)
    assert isinstance(first.request, model_request.MetadataRequest)
    assert first.by.remaining_seconds() == 10.0
    clock[0] += 4.0
    second = steps.send(_METADATA)
    assert isinstance(second.request, model_request.PredictRequest)
    assert second.request.arrays["x"].dtype == np.float32
    assert second.by.remaining_seconds() == 6.0


def test_a_call_may_have_another_timeout_than_its_client(clock):
    made = calls.Calls(10.0, None)
    assert next(made.status(_MODEL, 2.5)).by.remaining_seconds() == 2.5
    assert next(made.status(_MODEL, None)).by.remaining_seconds() == 10.0


def test_the_types_are_read_once_for_each_version_and_label():
    made = calls.Calls(10.0, None)
    stable = model_spec.ModelSpec("shop", version_label="stable")
    for model in (_MODEL, stable):
        steps = made.predict(model, {"x": [1]}, None, None)
        assert next(steps).request.model == model
        steps.send(_METADATA)
        _finish(steps, {})
        assert isinstance(next(made.predict(model, {"x": [1]}, None, None)).request, model_request.PredictRequest)


def test_after_a_failure_the_types_are_read_again():
    made = calls.Calls(10.0, None)
    steps = made.predict(_MODEL, {"x": [1]}, None, None)
    next(steps)
    steps.send(_METADATA)
    with pytest.raises(errors.InvalidArgumentError):
        steps.throw(errors.InvalidArgumentError("other types"))
    assert isinstance(next(made.predict(_MODEL, {"x": [1]}, None, None)).request, model_request.MetadataRequest)


def test_recommending_reads_the_types_once():
    signature = model_info.Signature({"query_id": model_info.TensorSpec("DT_STRING", (None,))}, {})
    steps = calls.Calls(10.0, None).recommend(_MODEL, ["u1"], *[None] * 8)
    assert isinstance(next(steps).request, model_request.MetadataRequest)
    predicting = steps.send(model_info.ModelMetadata("shop", 7, {"serving_default": signature})).request
    assert isinstance(predicting, model_request.PredictRequest)
    assert predicting.arrays["query_id"].tolist() == ["u1"]
