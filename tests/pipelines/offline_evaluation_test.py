import dataclasses

import numpy as np
import pytest

from pipelines import feeding, offline_evaluation, prepared_data
from tests.pipelines import prepared_tables
from tfrs_model import schema as schema_lib

_ROWS = [
    ("p", "a", 1, "train", 0),
    ("p", "b", 2, "test", 1),
    ("q", "a", 1, "train", 0),
    ("q", "c", 2, "validation", 1),
    ("q", "d", 3, "test", 2),
    ("r", "b", 1, "train", 0),
    ("r", "b", 2, "test", 1),
    ("s", "a", 1, "train", 0),
]


# A given split, in which what is held out need not be the latest.
_ROWS_OF_A_GIVEN_SPLIT = [
    ("p", "a", 1, "train", 0),
    ("p", "d", 2, "test", 1),
    ("p", "b", 3, "train", 1),
    ("p", "e", 4, "test", 3),
    ("p", "d", 5, "test", 4),
    ("p", "b", 6, "test", 5),
    ("p", "c", 7, "validation", 2),
    ("q", "c", 1, "train", 0),
    ("q", "c", 2, "test", 1),
    ("r", "b", 1, "test", 0),
    ("s", "a", 1, "train", 0),
    ("s", "b", 1, "validation", 0),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


def test_what_a_query_chose_before_is_excluded_and_a_repeat_is_counted_not_asked(data):
    questions = offline_evaluation.held_out(data, "test")
    assert questions.examples.candidate_rows.tolist() == [1, 3]
    excluded = np.split(questions.excluded_rows, questions.excluded_splits[1:-1])
    assert [rows.tolist() for rows in excluded] == [[0], [0, 2]]
    assert questions.num_repeats == 1


def test_validation_questions_exclude_training_candidates_only(data):
    questions = offline_evaluation.held_out(data, "validation")
    assert (questions.excluded_rows.tolist(), questions.num_repeats) == ([0], 0)


def test_popularity_ranks_by_training_counts_without_the_excluded(data):
    questions = offline_evaluation.held_out(data, "test")
    counts = data.training_counts()
    assert counts.tolist() == [3, 1, 0, 0, 0]
    ranked = offline_evaluation.rank_by_popularity(questions, counts)
    # p: b leads once a is excluded. q: d ties with e and stands behind it; b leads, a and c are excluded.
    assert ranked.target_ranks.tolist() == [1, 3]


def test_questions_taken_by_position_keep_their_own_exclusions(data):
    last = offline_evaluation.held_out(data, "test").take(np.array([1]))
    assert last.examples.candidate_rows.tolist() == [3]
    assert (last.excluded_rows.tolist(), last.excluded_splits.tolist()) == ([0, 2], [0, 2])


@pytest.fixture
def given(tmp_path):
    return _given(tmp_path / "given", _ROWS_OF_A_GIVEN_SPLIT)


def _given(directory, rows, schema=prepared_tables.SCHEMA):
    return prepared_data.read_prepared_data(prepared_tables.write(directory, rows, list("abcde"), schema))


def _lists(rows, splits):
    return [each.tolist() for each in np.split(rows, splits[1:-1])]


def _histories(data, questions, length=5):
    batch = next(iter(feeding.Feeder(data, length, reads_timestamps=True).query_batches(questions.examples, 9)))
    names = [[name.decode() for name in row if name] for row in batch["history"].numpy()]
    stamps = batch["history_timestamps"].numpy()
    moments = [row[len(row) - len(each) :].tolist() for row, each in zip(stamps, names, strict=True)]
    return [name.decode() for name in batch["query_id"].numpy()], names, moments


def test_a_query_is_asked_once_for_all_it_chose_in_the_split_but_not_before(given):
    questions = offline_evaluation.held_out_queries(given, "test")
    # p chose d twice, and b in training; all that q chose is a repeat; r is new.
    assert _lists(questions.target_rows, questions.target_splits) == [[3, 4], [1]]
    assert _lists(questions.excluded_rows, questions.excluded_splits) == [[0, 1, 2], []]
    assert questions.counts == {
        "num_queries": 2,
        "num_interactions": 3,
        "num_repeats_left_out": 2,
        "num_duplicates_left_out": 1,
        "num_queries_left_out": 1,
    }


def test_a_query_may_be_asked_for_what_it_chose_again_and_then_nothing_is_excluded(given):
    questions = offline_evaluation.held_out_queries(given, "test", asks_again=True)
    # p chose b in training and again, q chose c again; d and e of p and b of r are new.
    assert _lists(questions.target_rows, questions.target_splits) == [[1], [2]]
    assert _lists(questions.excluded_rows, questions.excluded_splits) == [[], []]
    assert questions.counts == {
        "num_queries": 2,
        "num_interactions": 2,
        "num_repeats_left_out": 0,
        "num_new_left_out": 3,
        "num_duplicates_left_out": 1,
        "num_queries_left_out": 1,
    }
    queries, histories, _ = _histories(given, questions)
    assert (queries, histories) == (["p", "q"], [["a", "b", "c"], ["c"]])
    # Counts 2 1 1 0 0: b ties with c and stands behind it.
    ranked = offline_evaluation.rank_by_popularity(questions, given.training_counts())
    assert ranked.top_rows[:, :3].tolist() == [[0, 2, 1], [0, 1, 2]]


def test_a_query_brings_all_of_earlier_splits_as_its_history_and_nothing_of_its_own(given):
    queries, histories, moments = _histories(given, offline_evaluation.held_out_queries(given, "test"))
    assert (queries, histories, moments) == (["p", "r"], [["a", "b", "c"], []], [[1, 3, 7], []])
    queries, histories, moments = _histories(given, offline_evaluation.held_out_queries(given, "validation"))
    assert (queries, histories, moments) == (["p", "s"], [["a", "b"], ["a"]], [[1, 3], [1]])


def test_a_split_of_repeats_alone_asks_no_query(tmp_path):
    data = _given(tmp_path / "given", [("q", "c", 1, "train", 0), ("q", "c", 2, "test", 1), ("q", "c", 3, "test", 2)])
    questions = offline_evaluation.held_out_queries(data, "test")
    assert len(questions.examples) == 0
    counts = {name: number for name, number in questions.counts.items() if number}
    assert counts == {"num_repeats_left_out": 1, "num_duplicates_left_out": 1, "num_queries_left_out": 1}


def test_a_log_without_validation_is_asked_per_query_for_its_test_split(tmp_path):
    rows = [row for row in _ROWS_OF_A_GIVEN_SPLIT if row[3] != "validation"]
    data = _given(tmp_path / "given", rows)
    _, histories, _ = _histories(data, offline_evaluation.held_out_queries(data, "test"))
    assert histories == [["a", "b"], []]


def test_a_log_without_time_is_asked_per_query_with_its_histories(tmp_path):
    rows = [(query, candidate, 0, split, 0) for query, candidate, _, split, _ in _ROWS_OF_A_GIVEN_SPLIT]
    timeless = dataclasses.replace(prepared_tables.SCHEMA, interactions=schema_lib.InteractionColumns(timestamp=None))
    data = _given(tmp_path / "given", rows, timeless)
    queries, histories, _ = _histories(data, offline_evaluation.held_out_queries(data, "test"))
    assert (queries, [sorted(each) for each in histories]) == (["p", "r"], [["a", "b", "c"], []])


def test_recall_and_ndcg_per_query_by_hand(given):
    questions = offline_evaluation.held_out_queries(given, "test")
    counts = given.training_counts()
    assert counts.tolist() == [2, 1, 1, 0, 0]
    ranked = offline_evaluation.rank_by_popularity(questions, counts)
    # p: d and e alone are left. r: a leads, b ties with c and stands behind it.
    assert ranked.top_rows.tolist() == [[3, 4, -1, -1, -1], [0, 2, 1, 3, 4]]
    accuracy = questions.accuracy(ranked)
    assert accuracy["recall_at_20"] == 1.0
    assert accuracy["ndcg_at_20"] == pytest.approx((1 + 1 / np.log2(4)) / 2)
    assert accuracy["mrr"] == pytest.approx((1 + 1 / 3) / 2)
