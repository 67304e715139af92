import threading

import numpy as np
import pytest

from serving import errors
from serving.server import batch_queue, batch_request, batch_scheduler, batching_parameters, server_config
from tests.serving import hand_clock, tiny_models


class _Batches:
    """Notes what runs, and holds every batch until it is let through."""

    def __init__(self):
        self.begun = []
        self._permits = threading.Semaphore(0)

    def let_through(self, num_batches=1):
        self._permits.release(num_batches)

    def queue(self, name, **parameters):
        def run(requests):
            self.begun.append((name, len(requests)))
            self._permits.acquire()
            for request in requests:
                request.answer({})

        return batch_queue.BatchQueue(name, run, batching_parameters.BatchingParameters(**parameters))


@pytest.fixture(name="batches")
def _batches():
    return _Batches()


@pytest.fixture(name="clock")
def _clock():
    return hand_clock.HandClock()


@pytest.fixture(name="make_scheduler")
def _make_scheduler(batches, clock):
    made = []

    def make(num_threads):
        made.append(batch_scheduler.BatchScheduler(num_threads, "batching_test", clock))
        return made[-1]

    yield make
    batches.let_through(1000)
    for scheduler in made:
        assert scheduler.stop(grace_seconds=60.0)


def _submit(scheduler, batches, name, **parameters):
    request = batch_request.BatchRequest({"a": np.zeros(1)}, 1)
    scheduler.submit(name, lambda: batches.queue(name, **parameters), request)
    return request


def _threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batching_test")]


def test_a_free_thread_takes_a_request_that_need_not_wait(make_scheduler, batches, clock):
    request = _submit(make_scheduler(1), batches, "a")
    batches.let_through()
    assert request.wait(clock)
    assert batches.begun == [("a", 1)]


def test_requests_wait_for_others_no_longer_than_the_timeout(make_scheduler, batches, clock):
    scheduler = make_scheduler(2)
    batches.let_through(1)
    first = _submit(scheduler, batches, "a", batch_timeout_micros=1_000_000)
    clock.advance(0.9)
    second = _submit(scheduler, batches, "a")
    assert (batches.begun, scheduler.num_waiting) == ([], 2)
    clock.advance(0.1)
    assert first.wait(clock)
    assert second.wait(clock)
    assert batches.begun == [("a", 2)]


def test_what_comes_while_all_threads_are_busy_runs_together(make_scheduler, batches, clock):
    scheduler = make_scheduler(1)
    requests = [_submit(scheduler, batches, "a")]
    tiny_models.wait_until(lambda: batches.begun)
    requests += [_submit(scheduler, batches, "a") for _ in range(5)]
    batches.let_through(2)
    assert all(request.wait(clock) for request in requests)
    assert batches.begun == [("a", 1), ("a", 5)]


def test_queues_take_turns(make_scheduler, batches, clock):
    # By hand: after its first batch, a stands behind b and c.
    scheduler = make_scheduler(1)
    requests = [_submit(scheduler, batches, "busy")]
    tiny_models.wait_until(lambda: batches.begun)
    requests += [_submit(scheduler, batches, "a", max_batch_size=1) for _ in range(3)]
    requests += [_submit(scheduler, batches, name) for name in "bcc"]
    batches.let_through(6)
    assert all(request.wait(clock) for request in requests)
    assert batches.begun == [("busy", 1), ("a", 1), ("b", 1), ("c", 2), ("a", 1), ("a", 1)]


def test_as_many_batches_run_at_once_as_there_are_threads(make_scheduler, batches, clock):
    scheduler = make_scheduler(3)
    requests = [_submit(scheduler, batches, "a", max_batch_size=1) for _ in range(5)]
    tiny_models.wait_until(lambda: len(batches.begun) == 3)
    assert scheduler.num_waiting == 2
    batches.let_through(5)
    assert all(request.wait(clock) for request in requests)


def test_a_second_thread_looks_after_a_timeout_while_the_first_is_busy(make_scheduler, batches, clock):
    scheduler = make_scheduler(2)
    _submit(scheduler, batches, "slow", batch_timeout_micros=1_000_000)
    _submit(scheduler, batches, "later", batch_timeout_micros=2_000_000)
    clock.advance(1.0)
    tiny_models.wait_until(lambda: batches.begun == [("slow", 1)])
    clock.advance(1.0)
    tiny_models.wait_until(lambda: batches.begun == [("slow", 1), ("later", 1)])


def test_a_request_that_is_taken_back_never_runs(make_scheduler, batches, clock):
    scheduler = make_scheduler(1)
    request = _submit(scheduler, batches, "a", batch_timeout_micros=1_000_000)
    assert scheduler.discard(request, errors.CancelledError("gone"))
    assert request.wait(clock)
    with pytest.raises(errors.CancelledError, match="gone"):
        request.outputs()
    assert not scheduler.discard(request, errors.CancelledError("again"))
    assert scheduler.num_waiting == 0


def test_a_request_that_runs_cannot_be_taken_back(make_scheduler, batches, clock):
    scheduler = make_scheduler(1)
    request = _submit(scheduler, batches, "a")
    tiny_models.wait_until(lambda: batches.begun)
    assert not scheduler.discard(request, errors.CancelledError("gone"))
    batches.let_through()
    assert request.wait(clock)
    assert request.outputs() == {}


def test_draining_runs_what_one_owner_waits_for_and_leaves_the_others_alone(make_scheduler, batches, clock):
    scheduler = make_scheduler(1)
    mine = _submit(scheduler, batches, "mine", batch_timeout_micros=10**12)
    other = _submit(scheduler, batches, "other", batch_timeout_micros=10**12)
    batches.let_through()
    scheduler.drain("mine")
    assert mine.is_answered
    assert (other.is_answered, scheduler.num_waiting) == (False, 1)


def test_draining_waits_for_what_runs(make_scheduler, batches):
    scheduler = make_scheduler(1)
    request = _submit(scheduler, batches, "mine")
    tiny_models.wait_until(lambda: batches.begun)
    answered_when_drained = []

    def drain():
        scheduler.drain("mine")
        answered_when_drained.append(request.is_answered)

    draining = threading.Thread(target=drain)
    draining.start()
    batches.let_through()
    draining.join()
    assert answered_when_drained == [True]


def test_stopping_runs_what_waits_and_ends_the_threads(make_scheduler, batches, clock):
    scheduler = make_scheduler(2)
    assert sorted(_threads()) == ["batching_test_0", "batching_test_1"]
    requests = [_submit(scheduler, batches, name, batch_timeout_micros=10**12) for name in "aab"]
    batches.let_through(2)
    assert scheduler.stop(grace_seconds=60.0)
    assert all(request.is_answered for request in requests)
    tiny_models.wait_until(lambda: not _threads())
    with pytest.raises(errors.UnavailableError, match="The server is stopping and takes no more requests"):
        _submit(scheduler, batches, "a")


def test_what_still_waits_after_the_grace_time_is_refused(make_scheduler, batches, clock):
    scheduler = make_scheduler(1)
    running = _submit(scheduler, batches, "a", max_batch_size=1)
    tiny_models.wait_until(lambda: batches.begun)
    waiting = _submit(scheduler, batches, "a")
    assert not scheduler.stop(grace_seconds=0.0)
    assert waiting.wait(clock)
    with pytest.raises(errors.UnavailableError, match="The server stopped before the request could run"):
        waiting.outputs()
    batches.let_through()
    assert running.wait(clock)


def test_more_threads_than_the_system_gives_are_refused(monkeypatch, clock):
    started = []

    def start(thread):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        real_start(thread)

    real_start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(server_config.ServerConfigError) as refusal:
        batch_scheduler.BatchScheduler(5, "batching_test", clock)
    assert str(refusal.value) == (
        "num_batch_threads is 5, but the system gave 2 threads (can't start new thread); lower it."
    )
    for thread in started:
        thread.join()
