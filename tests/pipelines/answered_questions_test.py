import numpy as np
import pytest

from pipelines import answered_questions, offline_evaluation, prepared_data, question_groupings
from tests.pipelines import prepared_tables
from tfrs_model import ranking

_ROWS = [
    ("p", "a", 1, "train", 0),
    ("p", "b", 2, "test", 1),
    ("q", "a", 1, "train", 0),
    ("q", "c", 2, "validation", 1),
    ("q", "d", 3, "test", 2),
    ("r", "b", 1, "train", 0),
    ("s", "a", 1, "train", 0),
    ("t", "c", 1, "test", 0),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


def _answered(data, ask_per="interaction"):
    questions = offline_evaluation.questions_of(data, "test", ask_per)
    counts = data.training_counts()
    ranked = offline_evaluation.rank_by_popularity(questions, counts)
    return answered_questions.AnsweredQuestions(questions, ranked, counts)


def test_figures_are_means_over_questions(data):
    answered = _answered(data)
    # By hand: counts are 3, 1, 0, 0, 0. p: b leads once a is excluded. q: a and c are excluded, b leads, d ties with e
    # and stands behind it. t: a, b, then c behind d and e, with which it ties.
    assert answered.ranked.target_ranks.tolist() == [1, 3, 5]
    figures = answered.figures()
    assert figures["recall_at_10"] == 1.0
    assert figures["precision_at_10"] == pytest.approx(0.1)
    assert figures["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 5) / 3)
    assert figures["coverage_at_10"] == 1.0
    assert figures["mean_popularity_of_targets"] == pytest.approx(1 / 3)
    # a: 1, b: 3, c: 2, d: 3 and e: 3 times: (-4 * 1 - 2 * 2 + 0 + 2 * 3 + 4 * 3) / (5 * 12).
    assert figures["gini_at_10"] == pytest.approx(10 / 60)
    assert "intra_list_similarity_at_10" not in figures


def test_how_alike_recommendations_are_is_told_by_embeddings(data):
    answered = _answered(data)
    same = answered_questions.AnsweredQuestions(
        answered.questions, answered.ranked, answered.counts, np.ones([5, 2], np.float32)
    )
    assert same.figures()["intra_list_similarity_at_10"] == pytest.approx(1.0)


def test_both_ways_of_asking_report_the_same_figures(data):
    figures = [list(_answered(data, way).figures()) for way in ("interaction", "query")]
    assert figures[0] == figures[1]
    accuracy = [f"{metric}_at_{k}" for k in (10, 20, 50, 100) for metric in ("recall", "ndcg", "map")]
    assert {*accuracy, "mrr", "coverage_at_10", "novelty_at_10", "mean_popularity_at_10"} <= set(figures[0])


def test_intervals_hold_the_means(data):
    answered = _answered(data)
    intervals, figures = answered.intervals(), answered.figures()
    assert set(intervals) == set(answered.accuracy)
    assert all(low <= figures[name] <= high for name, (low, high) in intervals.items())
    # Of three questions hardly anything is known.
    assert intervals["recall_at_10"][0] < 0.5


def test_a_difference_is_to_the_answers_of_another_model(data):
    ours = _answered(data)
    worse = ranking.Ranking(ours.ranked.target_ranks + 1, ours.ranked.target_splits, ours.ranked.top_rows)
    found = ours.difference(answered_questions.AnsweredQuestions(ours.questions, worse, ours.counts))
    assert found["mrr"]["mean"] == pytest.approx((1 + 1 / 3 + 1 / 5) / 3 - (1 / 2 + 1 / 4 + 1 / 6) / 3)
    assert found["mrr"]["low"] > 0.0
    assert found["recall_at_10"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "p_value": 1.0}


def test_slices_of_questions_and_of_targets_have_their_counts(data):
    answered = _answered(data)
    slices = answered.slices(
        question_groupings.of_questions(data, answered.questions, ["age", "year"]),
        question_groupings.of_targets(data, answered.questions, ["age", "year"]),
    )
    counts = {(each["grouping"], each["group"]): each["count"] for each in slices}
    # t has no training interaction and no history; q has two by the time of the test; c and d have no interaction.
    assert (counts["query", "new"], counts["query", "known"]) == (1, 2)
    assert (counts["history_length", "0"], counts["history_length", "1-4"], counts["history_length", "5-19"]) == (
        1,
        2,
        0,
    )
    assert (counts["candidate", "new"], counts["candidate", "known"]) == (2, 1)
    # The year of b, d and c; the age of p is missing.
    assert [counts["year", year] for year in ("1991", "1992", "1993")] == [1, 1, 1]
    assert counts["age", "(missing)"] == 1
    assert sum(count for (grouping, _), count in counts.items() if grouping == "popularity_decile") == 3
    (new,) = (each for each in slices if (each["grouping"], each["group"]) == ("query", "new"))
    assert new["metrics"]["mrr"]["mean"] == pytest.approx(1 / 5)
    (empty,) = (each for each in slices if (each["grouping"], each["group"]) == ("history_length", "5-19"))
    assert empty["metrics"]["mrr"] == {"mean": None, "low": 0.0, "high": 1.0}
