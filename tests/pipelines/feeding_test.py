import time

import numpy as np
import pytest
import tensorflow as tf

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
