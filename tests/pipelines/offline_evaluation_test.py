import numpy as np
import pytest

from pipelines import offline_evaluation, prepared_data
from tests.pipelines import prepared_tables

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
    assert ranked.ranks.tolist() == [1, 3]


def test_a_summary_holds_accuracy_coverage_and_popularity(data):
    questions = offline_evaluation.held_out(data, "test")
    counts = data.training_counts()
    summary = offline_evaluation.summarize(questions, offline_evaluation.rank_by_popularity(questions, counts), counts)
    # Ranks 1 and 3 among 5 candidates.
    assert summary["recall_at_10"] == 1.0
    assert summary["mrr"] == pytest.approx((1 + 1 / 3) / 2)
    # p is shown b, c, d and e, q is shown b, d and e; nobody is shown a.
    assert summary["coverage_at_10"] == pytest.approx(0.8)
    assert summary["mean_popularity_of_targets"] == pytest.approx(0.5)


def test_questions_taken_by_position_keep_their_own_exclusions(data):
    last = offline_evaluation.held_out(data, "test").take(np.array([1]))
    assert last.examples.candidate_rows.tolist() == [3]
    assert (last.excluded_rows.tolist(), last.excluded_splits.tolist()) == ([0, 2], [0, 2])
