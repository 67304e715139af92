import numpy as np
import pytest

from serving import errors
from serving.server import (
    batch_inputs,
    batch_request,
    batch_runner,
    batch_statistics,
    batching_parameters,
    cancellation,
)
from tests.serving import gated_model, hand_clock


@pytest.fixture(name="model")
def _model(playground_model):
    made = gated_model.GatedModel(playground_model)
    made.open()
    return made


@pytest.fixture(name="statistics")
def _statistics():
    return batch_statistics.BatchStatistics()


@pytest.fixture(name="runner")
def _runner(model, statistics):
    parameters = batching_parameters.BatchingParameters()
    signature = batch_inputs.BatchableSignature(model.signature_defs["serving_default"], parameters)
    clock = hand_clock.HandClock(1000.0)
    return batch_runner.BatchRunner(model, "serving_default", (), signature, parameters, statistics, clock)


def _request(value, queued_at=1000.0, **limits):
    request = batch_request.BatchRequest({"x": np.array([value], np.float32)}, 1, **limits)
    request.queued_at = queued_at
    return request


def _gone():
    gone = cancellation.Cancellation()
    gone.cancel()
    return gone


def test_what_nobody_waits_for_is_left_out_of_its_batch(runner, model, statistics):
    overdue, cancelled, wanted = (
        _request(1.0, deadline=999.0),
        _request(2.0, cancellation=_gone()),
        _request(4.0, deadline=1001.0, cancellation=cancellation.Cancellation()),
    )
    runner.run([overdue, cancelled, wanted])
    assert wanted.outputs()["y"].tolist() == [4.0]
    with pytest.raises(errors.DeadlineExceededError):
        overdue.outputs()
    with pytest.raises(errors.CancelledError):
        cancelled.outputs()
    assert model.given("x") == [[4.0]]
    assert (statistics.counts.overdue, statistics.counts.cancelled) == (1, 1)


def test_a_batch_that_nobody_waits_for_does_not_run(runner, model):
    overdue = _request(1.0, deadline=999.0)
    runner.run([overdue])
    assert (overdue.is_answered, model.calls) == (True, [])


@pytest.mark.parametrize("error", [errors.OutOfRangeError("far"), errors.FailedPreconditionError("early")])
def test_each_request_is_asked_for_by_itself_where_one_may_be_to_blame(runner, model, statistics, error):
    model.errors.update({0: error, 2: error})
    requests = [_request(2.0), _request(4.0)]
    runner.run(requests)
    assert requests[0].outputs()["y"].tolist() == [3.0]
    with pytest.raises(type(error)):
        requests[1].outputs()
    assert statistics.counts.run_apart == 1


def test_every_request_of_a_failed_batch_gets_an_error_of_its_own(runner, model):
    model.errors[0] = errors.InternalError("broken")
    requests = [_request(2.0), _request(4.0)]
    runner.run(requests)
    raised = []
    for request in requests:
        with pytest.raises(errors.InternalError, match="broken") as refusal:
            request.outputs()
        raised.append(refusal.value)
    assert raised[0] is not raised[1]


def test_the_time_in_the_queue_is_added_up(runner, statistics):
    # By hand: .25 and .5 seconds before the clock's 1000.
    runner.run([_request(2.0, queued_at=999.75), _request(4.0, queued_at=999.5)])
    assert statistics.counts.queuing_micros == 750_000
