"""Batched answers are those of requests that run by themselves, whatever shares a batch with what."""

import collections

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from serving import errors
from serving.server import (
    batch_inputs,
    batch_merge,
    batch_queue,
    batch_request,
    batch_runner,
    batch_statistics,
    batching_parameters,
    clock,
)
from tests.serving import batching_bench, small_recommender

_SETTINGS = hypothesis.settings(max_examples=10, deadline=None, derandomize=True)


def _answers(model, signature_name, requests, statistics=None, **options):
    """Answers all requests through queues and batches as the batcher does, without threads."""
    parameters = batching_parameters.BatchingParameters(**options)
    signature = batch_inputs.BatchableSignature(model.signature_defs[signature_name], parameters)
    runner = batch_runner.BatchRunner(
        model,
        signature_name,
        (),
        signature,
        parameters,
        statistics or batch_statistics.BatchStatistics(),
        clock.Clock(),
    )
    queues = collections.defaultdict(lambda: batch_queue.BatchQueue(model, runner.run, parameters))
    parts = []
    for inputs in requests:
        arranged = signature.arrange(inputs)
        assert isinstance(arranged, batch_inputs.RowInputs)
        request = batch_request.BatchRequest(arranged.arrays, arranged.num_rows)
        parts.append(queues[arranged.kind].add(request, now=0.0))
    for queue in queues.values():
        while queue.num_requests:
            queue.run(queue.take())
    return [batch_merge.joined([part.outputs() for part in each]) for each in parts]


def _require_equal(answers, expected):
    for answer, wanted in zip(answers, expected, strict=True):
        assert list(answer) == list(wanted)
        for name, array in wanted.items():
            assert (answer[name].dtype, answer[name].shape) == (array.dtype, array.shape)
            if array.dtype.kind == "f":
                # Sums of another number of rows are taken in another order.
                np.testing.assert_allclose(answer[name], array, rtol=1e-5, atol=1e-6)
            else:
                assert answer[name].tolist() == array.tolist()


_OPTIONS = st.sampled_from(
    [
        {},
        {"max_batch_size": 7},
        {"max_batch_size": 8, "allowed_batch_sizes": (1, 3, 8)},
        {"max_batch_size": 20, "enable_large_batch_splitting": True, "max_execution_batch_size": 3},
        {
            "max_batch_size": 20,
            "enable_large_batch_splitting": True,
            "max_execution_batch_size": 4,
            "allowed_batch_sizes": (2, 4),
        },
    ]
)


@_SETTINGS
@hypothesis.given(st.lists(st.integers(1, 7), min_size=1, max_size=9), _OPTIONS)
def test_any_numbers_of_rows(playground_model, num_rows, options):
    rng = np.random.default_rng(sum(num_rows))
    requests = [{"a": rng.random(size, np.float32), "b": rng.integers(0, 9, size)} for size in num_rows]
    expected = [playground_model.run("two_inputs", inputs) for inputs in requests]
    _require_equal(_answers(playground_model, "two_inputs", requests, max_enqueued_batches=1000, **options), expected)


_NAMES = (
    *("query_id", "history", "history_timestamps", "moment", "age", "tags", "tags_weights", "motto"),
    *("use_precomputed", "exclude_candidate_ids", "allow_candidate_ids", "filter_genre", "k"),
)
_NEEDED = {"serving_default": "query_id", "score": "candidate_ids"}
# Those that the small recommender knows, one that it does not, and none.
_TEXTS = np.array([b"u1", b"c1", b"c2", b"c7", b"drama", b"a", b"x", b"never", b""], object)


def _names(rng, signature_name):
    """Chooses what the requests of one example give; few of them leave out other inputs."""
    names = {name for name in _NAMES if rng.random() < 0.5} | {_NEEDED[signature_name]}
    if signature_name == "score":
        names -= {"exclude_candidate_ids", "allow_candidate_ids", "filter_genre", "k"}
    for name, beside in (("history_timestamps", "history"), ("tags_weights", "tags")):
        if beside not in names:
            names.discard(name)
    return names


def _request(rng, names, may_differ_in_k):
    """A random request of the small recommender: any rows, lists of any width, k in any form."""
    num_rows = int(rng.integers(1, 4))
    inputs = {name: rng.choice(_TEXTS, num_rows) for name in ("query_id", "motto")}
    for name in ("history", "tags", "exclude_candidate_ids", "allow_candidate_ids", "filter_genre", "candidate_ids"):
        inputs[name] = rng.choice(_TEXTS, (num_rows, rng.integers(1, 4)))
    inputs["history_timestamps"] = rng.choice([-1, 10**14], inputs["history"].shape)
    inputs["tags_weights"] = rng.random(inputs["tags"].shape, np.float32)
    inputs["moment"] = rng.choice([-1, 10**15], num_rows)
    inputs["age"] = rng.choice(np.array([20.0, 41.0, np.nan], np.float32), num_rows)
    inputs["use_precomputed"] = rng.random(num_rows) < 0.5
    largest = rng.choice([3, 40])
    k = [np.array(largest), np.array([largest]), np.array([largest, 1, 2])[:num_rows]]
    inputs["k"] = k[rng.integers(3 if may_differ_in_k else 2)].astype(np.int32)
    return {name: inputs[name] for name in names}


@_SETTINGS
@hypothesis.given(
    seed=st.integers(0, 10**6),
    signature_name=st.sampled_from(list(_NEEDED)),
    options=_OPTIONS,
    is_padded=st.booleans(),
)
def test_recommendations_of_any_inputs(small_servable, seed, signature_name, options, is_padded):
    rng = np.random.default_rng(seed)
    names = _names(rng, signature_name)
    may_differ_in_k = not options.get("enable_large_batch_splitting")
    requests = [_request(rng, names, may_differ_in_k) for _ in range(6)]
    expected = [small_servable.run(signature_name, inputs) for inputs in requests]
    options = {**options, "max_enqueued_batches": 1000, "pad_variable_length_inputs": is_padded}
    _require_equal(_answers(small_servable, signature_name, requests, **options), expected)


@pytest.mark.parametrize(("is_padded", "num_batches"), [(False, 3), (True, 1)])
def test_exclusions_of_any_width_share_a_batch_where_they_are_filled_up(small_servable, is_padded, num_batches):
    excluded = [["c1"], ["c1", "c2"], ["c1", "c2", "c3"]]
    requests = [
        small_recommender.arrays({"query_id": ["u1"], "k": [40], "exclude_candidate_ids": [each]}) for each in excluded
    ]
    statistics = batch_statistics.BatchStatistics()
    answers = _answers(small_servable, "serving_default", requests, statistics, pad_variable_length_inputs=is_padded)
    # By hand: all 30 candidates but the excluded ones.
    for answer, each in zip(answers, excluded, strict=True):
        assert sorted(small_recommender.ids_of(answer)[0]) == sorted(set(small_recommender.IDS) - set(each))
    assert statistics.counts.batches == num_batches


def test_answers_are_as_wide_as_each_request_asks_and_not_as_its_neighbours_do(small_servable):
    requests = [small_recommender.arrays({"query_id": ["u1"], "k": [k]}) for k in (3, 7, 3, 40)]
    requests.append(small_recommender.arrays({"query_id": ["u1"]}))
    statistics = batch_statistics.BatchStatistics()
    answers = _answers(small_servable, "serving_default", requests, statistics)
    assert [answer["candidate_ids"].shape for answer in answers] == [(1, 3), (1, 7), (1, 3), (1, 40), (1, 5)]
    assert statistics.counts.batches == 4


def test_a_k_out_of_range_is_refused_alone(small_servable):
    requests = [small_recommender.arrays({"query_id": ["u1", "u1"], "k": k}) for k in ([7, 1], [0, 7])]
    statistics = batch_statistics.BatchStatistics()
    with pytest.raises(errors.InvalidArgumentError, match="k must be between 1 and 40 in every row, but is 0"):
        _answers(small_servable, "serving_default", requests, statistics)
    # Together, and then each by itself.
    assert (statistics.counts.batches, statistics.counts.run_apart) == (3, 1)


def test_the_batcher_answers_a_recommender_as_it_answers_by_itself(small_servable):
    requests = [
        {"query_id": ["u1"], "k": [3]},
        {"query_id": ["u1"], "k": [7]},
        {"query_id": ["stranger", "p9"]},
        {"query_id": ["u1"], "history": [["c1", "c2"]]},
        {"query_id": ["p9", "u1"], "k": [1, 3], "exclude_candidate_ids": [["c1"], ["c2"]]},
        {"query_id": ["u1"], "k": [3], "exclude_candidate_ids": [["c1", "c2", "c9"]]},
        {"query_id": ["p9"], "k": [3]},
    ]
    asked = [("serving_default", small_recommender.arrays(request)) for request in requests]
    with batching_bench.BatchingBench(small_servable) as bench:
        futures = bench.ask(
            bench.make(batch_timeout_micros=batching_bench.LONG_MICROS), *((each, {}) for each in asked)
        )
        bench.model.open()
        bench.clock.advance(batching_bench.LONG_MICROS / 1e6)
        _require_equal([future.result(60) for future in futures], [small_servable.run(*each) for each in asked])
    # The first and the last: of the same inputs and the same k.
    assert sorted(map(len, bench.model.given("query_id"))) == [1, 1, 1, 2, 2, 2]
