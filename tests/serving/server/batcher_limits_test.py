"""Requests that nobody waits for, full queues, and batchers that end."""

import gc
import weakref

import pytest

from serving import errors
from serving.server import batch_scheduler, batcher, batching_parameters, cancellation, servable
from tests.serving import batching_bench, tiny_models
from tests.serving.batching_bench import LONG_MICROS, answers, halves, texts


@pytest.fixture(name="bench")
def _bench(playground_model):
    with batching_bench.BatchingBench(playground_model) as bench:
        yield bench


def test_a_request_whose_deadline_passes_while_it_waits_never_runs(bench):
    futures = bench.ask(bench.make_busy(), halves(1.0, deadline=1005.0), halves(2.0, deadline=1006.0))
    bench.clock.advance(5.0)
    with pytest.raises(errors.DeadlineExceededError) as refusal:
        futures[0].result(60)
    # ProcessBatch in batching_session.cc of TensorFlow Serving, where it is RESOURCE_EXHAUSTED.
    assert str(refusal.value) == "Run() timeout exceeded while waiting in batching queue"
    assert bench.scheduler.num_waiting == 1
    bench.model.open()
    assert answers(futures[1:]) == [{"y": [3.0]}]
    assert bench.model.given("x") == [[0.0], [2.0]]
    assert bench.statistics.counts.overdue == 1


def test_a_request_that_is_cancelled_while_it_waits_never_runs(bench):
    gone, here = cancellation.Cancellation(), cancellation.Cancellation()
    futures = bench.ask(bench.make_busy(), halves(1.0, cancellation=gone), halves(2.0, cancellation=here))
    gone.cancel()
    with pytest.raises(errors.CancelledError, match="The request was cancelled before it ran"):
        futures[0].result(60)
    assert bench.scheduler.num_waiting == 1
    bench.model.open()
    assert answers(futures[1:]) == [{"y": [3.0]}]
    assert bench.model.given("x") == [[0.0], [2.0]]
    assert bench.statistics.counts.cancelled == 1


@pytest.mark.parametrize("way", ["deadline", "cancellation"])
def test_no_part_of_a_split_request_runs_that_nobody_waits_for(bench, way):
    gone = cancellation.Cancellation()
    limits = {"deadline": 1005.0} if way == "deadline" else {"cancellation": gone}
    made = bench.make_busy(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=2)
    (future,) = bench.ask(made, halves(4.0, 6.0, 8.0, **limits))
    assert bench.scheduler.num_waiting == 2
    gone.cancel()
    bench.clock.advance(5.0)
    with pytest.raises(errors.DeadlineExceededError if way == "deadline" else errors.CancelledError):
        future.result(60)
    assert bench.scheduler.num_waiting == 0
    assert bench.model.given("x") == [[0.0]]


@pytest.mark.parametrize("deadline", [1000.0, -1.0])
def test_a_request_that_comes_too_late_is_not_queued(bench, deadline):
    with pytest.raises(errors.DeadlineExceededError, match="The deadline of the request passed before it ran"):
        bench.make().run(*halves(1.0)[0], deadline=deadline)
    assert bench.model.calls == []


def test_a_request_that_was_cancelled_before_is_not_queued(bench):
    gone = cancellation.Cancellation()
    gone.cancel()
    with pytest.raises(errors.CancelledError):
        bench.make().run(*halves(1.0)[0], cancellation=gone)
    assert bench.model.calls == []


def test_a_request_that_runs_is_answered_even_if_nobody_waits_any_more(bench):
    gone = cancellation.Cancellation()
    made = bench.make(batch_timeout_micros=LONG_MICROS)
    futures = bench.ask(made, halves(2.0, deadline=1e6, cancellation=gone))
    bench.clock.advance(LONG_MICROS / 1e6)
    tiny_models.wait_until(lambda: bench.model.calls)
    gone.cancel()
    bench.clock.advance(1e6)
    bench.model.open()
    assert answers(futures) == [{"y": [3.0]}]


def test_of_a_batch_that_is_run_apart_what_is_overdue_is_not_run(bench):
    requests = texts("refuses", b"good"), texts("refuses", b"bad"), texts("refuses", b"late", deadline=1001.0)
    futures = bench.ask(bench.make_busy(), *requests)
    bench.model.let_through(2)
    tiny_models.wait_until(lambda: len(bench.model.calls) == 3)
    bench.clock.advance(2.0)
    bench.model.open()
    assert answers(futures[:1]) == [{"same": [b"good"]}]
    with pytest.raises(errors.DeadlineExceededError):
        futures[2].result(60)
    assert bench.model.given("texts") == [[b"good", b"bad", b"late"], [b"good"], [b"bad"]]


def test_a_full_queue_refuses_at_once_and_names_the_parameter(bench):
    made = bench.make_busy(max_batch_size=1, max_enqueued_batches=2)
    futures = bench.ask(made, halves(2.0), halves(4.0))
    with pytest.raises(errors.ResourceExhaustedError, match=r"is full; .* and max_enqueued_batches is 2$"):
        made.run(*halves(9.0)[0])
    assert bench.statistics.counts.refused == 1
    bench.model.open()
    assert answers(futures) == [{"y": [3.0]}, {"y": [4.0]}]


def test_a_stopped_scheduler_takes_no_request(bench):
    made = bench.make()
    assert bench.scheduler.stop(grace_seconds=60.0)
    with pytest.raises(errors.UnavailableError, match="The server is stopping"):
        made.run(*halves(1.0)[0])


def test_stopping_answers_what_waits(bench):
    futures = bench.ask(bench.make(batch_timeout_micros=LONG_MICROS), halves(2.0), halves(4.0))
    bench.model.open()
    assert bench.scheduler.stop(grace_seconds=60.0)
    assert answers(futures) == [{"y": [3.0]}, {"y": [4.0]}]


def test_closing_runs_what_waits_and_then_closes_the_model(bench):
    made = bench.make(batch_timeout_micros=LONG_MICROS)
    futures = bench.ask(made, halves(2.0))
    bench.model.let_through()
    made.close()
    assert bench.model.is_closed
    assert answers(futures) == [{"y": [3.0]}]


def test_nothing_of_a_closed_version_stays_in_memory(half_plus_two_dir):
    scheduler = batch_scheduler.BatchScheduler(2)
    model = servable.Servable.load("tiny", 1, half_plus_two_dir)
    made = batcher.Batcher(model, scheduler, batching_parameters.BatchingParameters(batch_timeout_micros=1))
    assert made.run(*halves(2.0)[0])["y"].tolist() == [3.0]
    made.close()
    left = weakref.ref(model), weakref.ref(made)
    del model, made

    def is_gone():
        gc.collect()
        return [each() for each in left] == [None, None]

    tiny_models.wait_until(is_gone)
    assert scheduler.stop(grace_seconds=60.0)
