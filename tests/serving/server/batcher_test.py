import threading

import numpy as np
import pytest

from serving import errors
from serving.server import batch_scheduler, batch_statistics, batcher, batching_parameters
from tests.serving import batching_bench
from tests.serving.batching_bench import LONG_MICROS, answers, halves, products, texts

_SPLITTING = {"max_batch_size": 8, "enable_large_batch_splitting": True, "max_execution_batch_size": 2}


@pytest.fixture(name="bench")
def _bench(playground_model):
    with batching_bench.BatchingBench(playground_model) as bench:
        yield bench


def _ask_together(bench, *requests, **parameters):
    """Returns the answers of requests that all waited while another one ran."""
    futures = bench.ask(bench.make_busy(**parameters), *requests)
    bench.model.open()
    return answers(futures)


def test_requests_that_wait_run_together_and_each_gets_its_own_answer(bench):
    # By hand: x * 0.5 + 2.
    assert _ask_together(bench, halves(1.0, 2.0), halves(5.0)) == [{"y": [2.5, 3.0]}, {"y": [4.5]}]
    assert bench.model.given("x") == [[0.0], [1.0, 2.0, 5.0]]
    assert bench.statistics.counts == batch_statistics.BatchCounts(batches=2, requests=3, rows=4)


def test_signatures_and_output_filters_have_batches_of_their_own(bench):
    requests = [
        products([1.0], [2]),
        products([3.0], [4], ["next"]),
        products([5.0], [6]),
        texts("text", b"a"),
        products([7.0], [8], ["next"]),
    ]
    everything = ["is_equal", "next", "product"]
    names = [list(answer) for answer in _ask_together(bench, *requests)]
    assert names == [everything, ["next"], everything, ["doubled", "raw_bytes"], ["next"]]
    assert (bench.model.given("a"), bench.model.given("texts")) == ([[1.0, 5.0], [3.0, 7.0]], [[b"a"]])


def test_a_batch_is_filled_up_to_an_allowed_size_and_nobody_sees_it(bench):
    found = _ask_together(bench, halves(2.0), halves(4.0, 6.0), max_batch_size=8, allowed_batch_sizes=(1, 5, 8))
    assert found == [{"y": [3.0]}, {"y": [4.0, 5.0]}]
    assert bench.model.given("x") == [[0.0], [2.0, 4.0, 6.0, 2.0, 2.0]]
    assert bench.statistics.counts.padding_rows == 2


def test_shorter_lists_are_filled_up_with_their_first_element(bench):
    requests = [
        (("recommend", {"query_id": np.array([query], object), "history": np.array([history], object)}), {})
        for query, history in ((b"q", [b"a", b"b"]), (b"r", [b"c", b"d", b"e"]))
    ]
    found = _ask_together(bench, *requests, pad_variable_length_inputs=True)
    # AddPadding in batching_util.h of TensorFlow Serving; the model answers the last column, so a filling is seen.
    assert bench.model.given("history") == [[[b"a", b"b", b"a"], [b"c", b"d", b"e"]]]
    assert [answer["candidate_ids"] for answer in found] == [[[b"q-first", b"a", b""]], [[b"r-first", b"e", b""]]]


def test_a_large_request_is_split_over_batches_and_answered_as_one(bench):
    found = _ask_together(bench, halves(2.0), halves(4.0, 6.0, 8.0, 10.0, 12.0), **_SPLITTING)
    assert found == [{"y": [3.0]}, {"y": [4.0, 5.0, 6.0, 7.0, 8.0]}]
    assert bench.model.given("x") == [[0.0], [2.0, 4.0], [6.0, 8.0], [10.0, 12.0]]


def test_a_request_larger_than_all_batches_is_refused(bench):
    # ValidateBatchTaskQueueCapacity in shared_batch_scheduler.h.
    with pytest.raises(errors.InvalidArgumentError, match=r"^Task size 3 is larger than maximum input batch size 2$"):
        bench.make(max_batch_size=2).run(*halves(1.0, 2.0, 3.0)[0])
    assert bench.model.calls == []


def test_a_wrong_request_is_refused_alone(bench):
    requests = texts("refuses", b"good"), texts("refuses", b"bad"), texts("refuses", b"fine", b"too")
    futures = bench.ask(bench.make_busy(), *requests)
    bench.model.open()
    assert answers([futures[0], futures[2]]) == [{"same": [b"good"]}, {"same": [b"fine", b"too"]}]
    with pytest.raises(errors.InvalidArgumentError, match="texts must not be bad"):
        futures[1].result(60)
    assert bench.model.given("texts") == [[b"good", b"bad", b"fine", b"too"], [b"good"], [b"bad"], [b"fine", b"too"]]
    assert bench.statistics.counts.run_apart == 1


@pytest.mark.parametrize("error", [errors.InternalError("broken"), MemoryError(), ZeroDivisionError("defect")])
def test_what_no_request_is_to_blame_for_is_told_to_all_and_not_tried_again(bench, error):
    futures = bench.ask(bench.make_busy(), halves(1.0), halves(2.0))
    bench.model.errors[1] = error
    bench.model.open()
    raised = []
    for future in futures:
        with pytest.raises(type(error)) as refusal:
            future.result(60)
        raised.append(refusal.value)
    assert len(bench.model.calls) == 2
    assert [str(each) for each in raised] == [str(error)] * 2


def test_a_thread_survives_a_defect(bench):
    bench.model.open()
    bench.model.errors[0] = ZeroDivisionError("defect")
    made = bench.make()
    with pytest.raises(ZeroDivisionError):
        made.run(*halves(1.0)[0])
    assert made.run(*halves(2.0)[0])["y"].tolist() == [3.0]


# SplitOutputTensors in batching_session.cc of TensorFlow Serving.
@pytest.mark.parametrize(
    ("signature_name", "inputs", "text"),
    [
        ("joined", {"texts": np.array([b"a"], object)}, "Batched output tensor has 0 dimensions"),
        (
            "two_sizes",
            {"x": np.ones(2, np.float32)},
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        ),
    ],
)
def test_an_output_that_is_not_by_rows_is_refused_even_to_a_request_by_itself(bench, signature_name, inputs, text):
    bench.model.open()
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        bench.make().run(signature_name, inputs)
    assert str(refusal.value) == text
    assert len(bench.model.calls) == 1


def test_an_output_that_is_by_rows_can_be_asked_for_beside_one_that_is_not(bench):
    bench.model.open()
    assert bench.make().run("two_sizes", {"x": np.ones(2, np.float32)}, ["all"])["all"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "request_",
    [
        ("absent", {}),
        ("", {}),
        ("", {"x": np.zeros(1, np.float32), "z": np.zeros(1)}),
        ("two_inputs", {"a": np.zeros(1, np.float32), "b": np.array([b"1"], object)}),
        ("", {"x": np.zeros(1, np.float32)}, ["z"]),
        ("", {"x": np.zeros(1, np.float32)}, ["y", "y"]),
    ],
)
def test_a_request_that_does_not_fit_the_signature_is_refused_as_without_batching(bench, playground_model, request_):
    with pytest.raises(errors.ServingError) as expected:
        playground_model.run(*request_)
    with pytest.raises(type(expected.value)) as refusal:
        bench.make().run(*request_)
    assert str(refusal.value) == str(expected.value)
    assert bench.model.calls == []


def test_a_signature_of_scalars_is_answered_without_waiting(bench, tmp_path):
    bench.model.open()
    made = bench.make(batch_timeout_micros=LONG_MICROS)
    assert made.run("wait", {"path": np.array(str(tmp_path).encode(), object)})["has_looked"].tolist() is True
    assert bench.statistics.counts == batch_statistics.BatchCounts(run_alone=1)


def test_other_rows_are_answered_where_the_graph_can_and_else_refused_with_both_reasons(bench):
    bench.model.open()
    made = bench.make(batch_timeout_micros=LONG_MICROS)
    assert made.run(*products([2.0, 3.0], [5])[0])["product"].tolist() == [10.0, 15.0]
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        made.run(*products([2.0, 3.0], [5, 6, 7])[0])
    # The first half is ComputeTensorBatchSize's in batching_util.h of TensorFlow Serving.
    assert str(refusal.value).startswith(
        "Batching Run() input tensors must have equal 0th-dimension size, and the model refuses them: Incompatible"
    )


def test_answers_of_64_threads_belong_to_their_requests(playground_model):
    scheduler = batch_scheduler.BatchScheduler(2)
    parameters = batching_parameters.BatchingParameters(32, batch_timeout_micros=500)
    made = batcher.Batcher(playground_model, scheduler, parameters)
    failures = []

    def ask(number):
        for round_ in range(20):
            asked = [f"{number}-{round_}-{row}".encode() for row in range(number % 3 + 1)]
            answer = made.run("text", {"texts": np.array(asked, object)})["doubled"].tolist()
            if answer != [text + text for text in asked]:
                failures.append((asked, answer))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scheduler.stop(grace_seconds=60.0)
    assert failures == []
