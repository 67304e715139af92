import time

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from pipelines import feeding, prepared_data
from tests.pipelines import prepared_tables

_ROWS = [(f"q{i // 6}", "abcdef"[i % 6], i % 6, "train", i % 6) for i in range(30)]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcdef")))


def _pairs(batches) -> list[tuple[str, str]]:
    pairs = []
    for batch in batches:
        ids = (batch["query"]["query_id"].numpy(), batch["candidate"]["candidate_id"].numpy())
        pairs += [(query.decode(), candidate.decode()) for query, candidate in zip(*ids, strict=True)]
    return pairs


def test_each_epoch_holds_every_interaction_once_even_where_batches_straddle_epochs(data):
    # 30 rows in batches of 8: batch 3 holds the end of one epoch and the start of the next.
    batches = feeding.Feeder(data, 3).training_batches(data.examples("train"), 8, seed=1, first_step=0, last_step=15)
    pairs = _pairs(batches)
    everything = sorted((query, candidate) for query, candidate, *_ in _ROWS)
    epochs = [pairs[start : start + 30] for start in range(0, 120, 30)]
    assert [sorted(epoch) for epoch in epochs] == [everything] * 4
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_a_resumed_reader_starts_at_any_step_and_reads_the_same(data):
    feeder, examples = feeding.Feeder(data, 3), data.examples("train")
    undisturbed = _pairs(feeder.training_batches(examples, 7, seed=1, first_step=0, last_step=10))
    resumed = _pairs(feeder.training_batches(examples, 7, seed=1, first_step=6, last_step=10))
    assert resumed == undisturbed[42:]
    assert _pairs(feeder.training_batches(examples, 7, seed=2, first_step=6, last_step=10)) != resumed


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    directory = prepared_tables.write(tmp_path_factory.mktemp("fed") / "prepared", _ROWS, list("abcdef"))
    data = prepared_data.read_prepared_data(directory)
    return feeding.Feeder(data, 3), data.examples("train")


def _arrays(batch) -> list[np.ndarray]:
    return [each.numpy() for each in tf.nest.flatten(batch)]


def _equally_wide(lists) -> list[np.ndarray]:
    """Fills the lists of each worker to the longest of any."""
    if lists[0].ndim == 1:
        return lists
    width = max(each.shape[1] for each in lists)
    return [np.pad(each, [(0, 0), (0, width - each.shape[1])], constant_values=b"") for each in lists]


@hypothesis.settings(max_examples=10, deadline=None, derandomize=True)
@hypothesis.given(st.integers(1, 70), st.integers(1, 4), st.integers(0, 1000))
def test_the_workers_batches_put_together_are_the_single_workers_batch(fed, batch_size, num_workers, first_step):
    hypothesis.assume(num_workers <= batch_size)
    feeder, examples = fed
    steps = (batch_size, 5, first_step, first_step + 2)
    alone = feeder.training_batches(examples, *steps)
    shared = [feeder.training_batches(examples, *steps, num_workers, worker) for worker in range(num_workers)]
    for whole, *of_workers in zip(alone, *shared, strict=True):
        columns = zip(*map(_arrays, of_workers), strict=True)
        for expected, column in zip(_arrays(whole), columns, strict=True):
            np.testing.assert_array_equal(np.concatenate(_equally_wide(column)), expected)
            sizes = [len(each) for each in column]
            assert max(sizes) - min(sizes) <= 1
            assert sum(sizes) == batch_size


@pytest.mark.parametrize(("batch_size", "num_workers", "worker"), [(8, 2, 2), (8, 2, -1), (8, 0, 0), (2, 3, 0)])
def test_a_worker_that_is_none_or_would_get_no_rows_is_refused(fed, batch_size, num_workers, worker):
    feeder, examples = fed
    with pytest.raises(ValueError, match=rf"worker is {worker} of num_workers={num_workers}; start fewer workers"):
        feeder.training_batches(examples, batch_size, 1, 0, 1, num_workers, worker)


def test_batches_have_a_shape_before_any_is_read(fed):
    feeder, examples = fed
    spec = feeder.training_batches(examples, 8, 1, 0, 1, num_workers=2, worker=1).element_spec
    assert spec["query"]["history"].shape == [4, 3]
    assert spec["weight"].shape == [4]


def test_histories_hold_the_last_earlier_candidates_oldest_first(data):
    examples = data.examples("train")
    batch = next(iter(feeding.Feeder(data, 3).query_batches(examples.take(np.array([0, 2, 5])), 3)))
    assert feeding.as_json({"history": batch["history"]})["history"] == [["", "", ""], ["", "a", "b"], ["c", "d", "e"]]


def test_features_are_gathered_by_id(data):
    batch = next(iter(feeding.Feeder(data, 3).training_batches(data.examples("train"), 30, 0, 0, 1)))
    for candidate, year, genres in zip(
        *(batch["candidate"][n].numpy() for n in ("candidate_id", "year", "genres")), strict=True
    ):
        row = "abcdef".index(candidate.decode())
        assert year.decode() == str(1990 + row)
        assert [each.decode() for each in genres if each] == ["a", "b"][: row % 3]
    for query, age in zip(batch["query"]["query_id"].numpy(), batch["query"]["age"].numpy(), strict=True):
        np.testing.assert_equal(age, [np.nan, 20, 21, 22, 23][int(query.decode()[1:])])


def test_the_corpus_comes_whole_and_in_order(data):
    batches = list(feeding.Feeder(data, 3).candidate_batches(4))
    assert [len(batch["year"]) for batch in batches] == [4, 2]
    assert b"".join(np.concatenate([batch["candidate_id"].numpy() for batch in batches])) == b"abcdef"


def test_the_time_of_a_batch_is_that_of_the_pipeline_alone():
    slow = tf.data.Dataset.range(9).map(lambda i: tf.py_function(lambda i: time.sleep(0.02) or i, [i], tf.int64))
    assert 0.015 < feeding.seconds_per_batch(slow, num_batches=4) < 0.2
    assert feeding.seconds_per_batch(slow.take(1)) == 0.0
