import math

import numpy as np
import pytest

from serving import errors
from serving.server import batch_queue, batch_request, batching_parameters


def _request(num_rows, first=0):
    return batch_request.BatchRequest({"a": np.arange(first, first + num_rows)}, num_rows)


def _queue(**parameters):
    return batch_queue.BatchQueue("owner", None, batching_parameters.BatchingParameters(**parameters))


def _rows(requests):
    return [request.inputs["a"].tolist() for request in requests]


def test_requests_share_a_batch_as_long_as_they_fit():
    queue = _queue(max_batch_size=4)
    for num_rows in (1, 2, 2, 1):
        queue.add(_request(num_rows), now=0.0)
    assert [len(rows) for rows in _rows(queue.take())] == [1, 2]
    assert [len(rows) for rows in _rows(queue.take())] == [2, 1]
    assert queue.num_requests == 0


def test_an_open_batch_is_due_when_its_first_request_has_waited_for_the_timeout():
    queue = _queue(max_batch_size=4, batch_timeout_micros=500_000)
    assert queue.due_at() == math.inf
    queue.add(_request(1), now=10.0)
    queue.add(_request(1), now=10.4)
    assert queue.due_at() == pytest.approx(10.5)


def test_a_full_batch_is_due_at_once():
    queue = _queue(max_batch_size=2, batch_timeout_micros=500_000)
    queue.add(_request(2), now=10.0)
    assert queue.due_at() == -math.inf


def test_a_batch_that_the_next_request_did_not_fit_into_is_due_at_once():
    queue = _queue(max_batch_size=4, batch_timeout_micros=500_000)
    queue.add(_request(3), now=10.0)
    queue.add(_request(2), now=10.1)
    assert queue.due_at() == -math.inf
    queue.take()
    assert queue.due_at() == pytest.approx(10.6)


# Texts of shared_batch_scheduler.h. There a full queue is UNAVAILABLE.
def test_a_request_larger_than_a_batch_is_refused():
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        _queue(max_batch_size=4).add(_request(5), now=0.0)
    assert str(refusal.value) == "Task size 5 is larger than maximum input batch size 4"


def test_a_full_queue_refuses_with_the_parameter_that_bounds_it():
    queue = _queue(max_batch_size=2, max_enqueued_batches=2)
    for _ in range(4):
        queue.add(_request(1), now=0.0)
    with pytest.raises(errors.ResourceExhaustedError) as refusal:
        queue.add(_request(1), now=0.0)
    assert str(refusal.value) == (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
        "max_enqueued_batches is 2"
    )
    queue.take()
    queue.add(_request(1), now=0.0)
    assert queue.num_requests == 3


def test_what_still_fits_into_the_open_batch_of_a_full_queue_is_taken():
    queue = _queue(max_batch_size=3, max_enqueued_batches=1)
    queue.add(_request(2), now=0.0)
    with pytest.raises(errors.ResourceExhaustedError):
        queue.add(_request(2), now=0.0)
    queue.add(_request(1), now=0.0)
    assert queue.num_requests == 2


def test_a_large_request_first_fills_the_open_batch_and_then_others():
    # SplitInputTask in batching_session.cc of TensorFlow Serving.
    queue = _queue(max_batch_size=9, enable_large_batch_splitting=True, max_execution_batch_size=3)
    queue.add(_request(2), now=0.0)
    parts = queue.add(_request(8, first=10), now=0.0)
    assert _rows(parts) == [[10], [11, 12, 13], [14, 15, 16], [17]]
    assert _rows(queue.take()) == [[0, 1], [10]]
    assert [_rows(queue.take()) for _ in range(3)] == [[[11, 12, 13]], [[14, 15, 16]], [[17]]]


def test_a_request_that_fits_is_not_split():
    queue = _queue(max_batch_size=9, enable_large_batch_splitting=True, max_execution_batch_size=3)
    request = _request(3)
    assert queue.add(request, now=0.0) == [request]


def test_a_split_request_needs_room_for_all_of_its_parts():
    # By hand: one row of the open batch is left, and one more batch of three may wait.
    queue = _queue(
        max_batch_size=9, max_enqueued_batches=2, enable_large_batch_splitting=True, max_execution_batch_size=3
    )
    queue.add(_request(2), now=0.0)
    with pytest.raises(errors.ResourceExhaustedError) as refusal:
        queue.add(_request(5), now=0.0)
    assert str(refusal.value) == (
        "The batch scheduling queue to which this task was submitted is full; task size is 5 but scheduling capacity "
        "is only 4 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=2, max_execution_batch_size=3)"
    )
    assert [len(part) for part in _rows(queue.add(_request(4), now=0.0))] == [1, 3]


def test_a_request_that_is_taken_back_leaves_its_place_to_others():
    queue = _queue(max_batch_size=2, max_enqueued_batches=1)
    first, second = _request(1), _request(1)
    queue.add(first, now=0.0)
    queue.add(second, now=0.0)
    assert queue.discard(first)
    assert not queue.discard(first)
    queue.add(_request(1, first=7), now=0.0)
    assert _rows(queue.take()) == [[0], [7]]


def test_a_batch_of_nothing_but_what_was_taken_back_is_no_batch():
    queue = _queue(max_batch_size=2, batch_timeout_micros=500_000)
    requests = [_request(2), _request(1)]
    for now, request in enumerate(requests):
        queue.add(request, now=float(now))
    queue.discard(requests[0])
    assert queue.due_at() == pytest.approx(1.5)
    queue.discard(requests[1])
    assert queue.due_at() == math.inf
