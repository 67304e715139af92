import time

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from pipelines import feeding, history_windows, prepared_data
from tests.pipelines import prepared_tables
from tfrs_model import schema as schema_lib

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


# Three queries of 7, 5 and 1 interactions, of which some share a moment with those before them.
_SEQUENCES = [
    *(("q0", "abcdefa"[i], (1, 1, 2, 3, 5, 5, 9)[i], "train", (0, 0, 2, 3, 4, 4, 6)[i]) for i in range(7)),
    *(("q1", "fedcb"[i], i, "train", i) for i in range(5)),
    ("q2", "a", 4, "train", 0),
]


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    directory = prepared_tables.write(tmp_path_factory.mktemp("sequences") / "prepared", _SEQUENCES, list("abcdef"))
    return prepared_data.read_prepared_data(directory)


def _what_rows_see(batch):
    """Returns (query, candidate, weight, ids and moments that the row may read) of each row."""
    query, rows = batch["query"], []
    for i, candidate in enumerate(batch["candidate"]["candidate_id"].numpy()):
        if "history_row" in query:
            window, seen = int(query["history_row"][i]), int(query["history_end"][i])
        else:
            window, seen = i, None
        ids = [each.decode() for each in query["history"][window].numpy()[:seen] if each]
        moments = [int(each) for each in query["history_timestamps"][window].numpy()[:seen] if each >= 0]
        rows.append((query["query_id"][i].numpy().decode(), candidate.decode(), float(query["age"][i]), ids, moments))
    return rows


def test_a_row_of_a_window_sees_the_end_of_what_it_would_bring_alone(sequences):
    feeder, examples = feeding.Feeder(sequences, 4, reads_timestamps=True), sequences.examples("train")
    windows = history_windows.cut_windows(examples, 4)
    steps = -(-len(windows) // 2)
    alone = {}
    for row in _what_rows_see(next(iter(feeder.training_batches(examples, len(examples), 1, 0, 1)))):
        alone.setdefault(row[:2], []).append(row)
    rows = [row for batch in feeder.window_batches(examples, windows, 2, 1, 0, steps) for row in _what_rows_see(batch)]
    assert sorted(row[:2] for row in rows) == sorted((query, candidate) for query, candidate, *_ in _SEQUENCES)
    for query, candidate, age, ids, moments in rows:
        whole = [each for each in alone[query, candidate] if each[3][len(each[3]) - len(ids) :] == ids]
        assert whole, (query, candidate, ids)
        assert len(ids) >= min(2, min(len(each[3]) for each in whole))
        np.testing.assert_equal(age, whole[0][2])
        assert any(each[4][len(each[4]) - len(moments) :] == moments for each in whole)


def test_the_moment_of_a_row_is_that_of_its_interaction_in_windows_too(sequences):
    feeder, examples = feeding.Feeder(sequences, 4, reads_moment=True), sequences.examples("train")
    windows = history_windows.cut_windows(examples, 4)
    moments = [int(each) for each in examples.timestamps]
    steps = -(-len(windows) // 2)
    batches = feeder.window_batches(examples, windows, 2, 1, 0, steps)
    found = [int(each) for batch in batches for each in batch["query"]["moment"]]
    assert sorted(found) == sorted(moments)
    assert next(iter(feeder.query_batches(examples, 99)))["moment"].numpy().tolist() == moments


def test_window_batches_number_their_windows_and_start_at_any_step(sequences):
    feeder, examples = feeding.Feeder(sequences, 4), sequences.examples("train")
    windows = history_windows.cut_windows(examples, 4)
    undisturbed = list(feeder.window_batches(examples, windows, 2, 3, 0, 8))
    resumed = list(feeder.window_batches(examples, windows, 2, 3, 5, 8))
    for late, again in zip(undisturbed[5:], resumed, strict=True):
        for expected, found in zip(tf.nest.flatten(late), tf.nest.flatten(again), strict=True):
            np.testing.assert_array_equal(expected, found)
    for batch in undisturbed:
        assert len({int(each) for each in batch["group"]}) == len({int(each) for each in batch["query"]["history_row"]})


def test_the_windows_of_two_workers_are_those_of_one(sequences):
    feeder, examples = feeding.Feeder(sequences, 4), sequences.examples("train")
    windows = history_windows.cut_windows(examples, 4)
    alone = _pairs(feeder.window_batches(examples, windows, 4, 3, 0, 3))
    first, second = (
        [_pairs([batch]) for batch in feeder.window_batches(examples, windows, 4, 3, 0, 3, 2, worker)]
        for worker in range(2)
    )
    assert alone == [pair for ours, theirs in zip(first, second, strict=True) for pair in ours + theirs]


_WITHOUT_TIME = schema_lib.Schema(interactions=schema_lib.InteractionColumns(timestamp=None, split="split"))
_UNORDERED = [
    *(("q0", each, 0, "train", 0) for each in "abcde"),
    ("q0", "f", 0, "test", 0),
    ("q1", "a", 0, "train", 0),
    ("q1", "c", 0, "validation", 0),
    ("q1", "d", 0, "validation", 0),
    ("q1", "e", 0, "test", 0),
]


@pytest.fixture(scope="module")
def unordered(tmp_path_factory):
    directory = tmp_path_factory.mktemp("unordered") / "prepared"
    return prepared_data.read_prepared_data(prepared_tables.write(directory, _UNORDERED, list("abcdef"), _WITHOUT_TIME))


def _histories(data, split, history_length):
    batch = next(iter(feeding.Feeder(data, history_length).query_batches(data.examples(split), 9)))
    return [[each for each in row if each] for row in feeding.as_json({"history": batch["history"]})["history"]]


def test_without_time_a_training_row_reads_all_that_its_query_chose_but_itself(unordered):
    histories = _histories(unordered, "train", 9)
    assert [sorted(each) for each in histories] == [
        list("bcde"),
        list("acde"),
        list("abde"),
        list("abce"),
        list("abcd"),
        [],
    ]
    few = _histories(unordered, "train", 2)
    assert [len(each) for each in few] == [2, 2, 2, 2, 2, 0]
    for own, each in zip("abcde", few, strict=False):
        assert set(each) < set("abcde") - {own}


def test_without_time_a_held_out_row_reads_the_earlier_splits_and_nothing_of_its_own(unordered):
    assert _histories(unordered, "validation", 9) == [["a"], ["a"]]
    assert [sorted(each) for each in _histories(unordered, "test", 9)] == [list("abcde"), list("acd")]
    # Of more than is read a part is drawn, the same each time.
    first, second = _histories(unordered, "test", 2)
    assert len(set(first) & set("abcde")) == len(set(second) & set("acd")) == 2
    assert _histories(unordered, "test", 2) == [first, second]


def test_without_time_some_rows_of_training_keep_their_own_histories(unordered):
    few = unordered.examples("train").take(np.array([1, 4]))
    batch = next(iter(feeding.Feeder(unordered, 2).query_batches(few, 9)))
    all_rows = _histories(unordered, "train", 2)
    assert feeding.as_json({"history": batch["history"]})["history"] == [all_rows[1], all_rows[4]]


def test_without_time_what_a_row_of_training_reads_does_not_tell_where_it_stands(tmp_path):
    ids = [f"c{number:02d}" for number in range(21)]
    rows = [("q0", each, 0, "train", 0) for each in ids]
    directory = prepared_tables.write(tmp_path / "prepared", rows, ids, _WITHOUT_TIME)
    data = prepared_data.read_prepared_data(directory)
    # 100 epochs, 2100 rows of 4 others each.
    batches = feeding.Feeder(data, 4).training_batches(data.examples("train"), 210, 5, 0, 10)
    counts = np.zeros([4, 21])
    for batch in batches:
        own = np.array([int(each[1:]) for each in batch["candidate"]["candidate_id"].numpy()])
        read = np.array([[int(each[1:]) for each in row] for row in batch["query"]["history"].numpy()])
        assert all(len(set(row)) == 4 for row in read)
        for place in range(4):
            counts[place] += np.bincount((read[:, place] - own) % 21, minlength=21)
    # In each of the four places every distance from the row itself, 1 to 20, comes 105 times but for chance: of the
    # 80 counts, binomial with deviation 10, the farthest is within 4.5 deviations with probability .999.
    assert not counts[:, 0].any()
    assert np.abs(counts[:, 1:] - 105).max() < 45
