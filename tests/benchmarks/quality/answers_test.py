import numpy as np
import pytest

from benchmarks.quality import answers
from pipelines import offline_evaluation, prepared_data
from tests.pipelines import prepared_tables
from tfrs_model import ranking

_NAMES = ("recall_at_20", "ndcg_at_20")
_ROWS = [
    ("p", "a", 1, "train", 0),
    ("p", "c", 2, "test", 1),
    ("p", "e", 3, "test", 2),
    ("q", "b", 1, "train", 0),
    ("q", "d", 2, "test", 1),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


@pytest.fixture
def questions(data):
    return offline_evaluation.held_out_queries(data, "test")


def _answers(questions, scores, is_ranked=(True,) * 5):
    return answers.by_scores(
        questions, lambda begin, end: np.array(scores[begin:end]), np.array(is_ranked), _NAMES
    ).figures


def test_what_a_query_chose_before_is_no_answer_and_the_rest_is_ranked(questions):
    # p: a is excluded, then b c d e, of which c and e are targets on ranks 2 and 4. q: b is excluded; d is on rank 1.
    found = _answers(questions, [[9, 4, 3, 2, 1], [0, 9, 0, 1, -1]])
    assert found["recall_at_20"] == 1.0
    of_p = (1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3))
    assert found["ndcg_at_20"] == pytest.approx((of_p + 1) / 2)
    assert (found["num_queries"], found["num_interactions"]) == (2, 3)


@pytest.mark.parametrize("score", [0.0, 1.0, -3.5])
def test_targets_stand_behind_others_of_the_same_score(questions, score):
    found = _answers(questions, [[score] * 5] * 2)
    # p: b d, then c e. q: a c e, then d.
    of_p = (1 / np.log2(4) + 1 / np.log2(5)) / (1 + 1 / np.log2(3))
    assert found["ndcg_at_20"] == pytest.approx((of_p + 1 / np.log2(5)) / 2)


def test_a_target_that_training_does_not_know_is_missed_and_still_counts(questions):
    found = _answers(questions, [[9, 4, 3, 2, 99], [0, 9, 0, 1, -1]], (True, True, True, True, False))
    # p finds one of two, q all.
    assert found["recall_at_20"] == pytest.approx(0.75)
    of_p = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert found["ndcg_at_20"] == pytest.approx((of_p + 1) / 2)


def test_embeddings_answer_as_their_products_do(data, questions, monkeypatch):
    generator = np.random.default_rng(0)
    queries, corpus = (generator.normal(size=[n, 3]).astype(np.float32) for n in (2, 5))
    scored = _answers(questions, queries @ corpus.T)
    assert answers.by_embeddings(questions, queries, corpus, np.ones(5, bool), _NAMES).figures == scored
    # Block after block, one query each.
    monkeypatch.setattr(ranking, "MAX_SCORES_PER_BLOCK", 5)
    assert _answers(questions, queries @ corpus.T) == scored


def test_interactions_are_asked_one_by_one_with_their_ranks(data):
    questions = offline_evaluation.held_out(data, "test")
    corpus = np.array([[9.0], [4.0], [3.0], [2.0], [1.0]], np.float32)
    found = answers.by_embeddings(questions, np.ones([3, 1], np.float32), corpus, np.ones(5, bool), ("mrr",))
    # p: b c d e. q: a c d e.
    assert found.ranks.tolist() == [2, 4, 3]
    assert found.figures["mrr"] == pytest.approx((1 / 2 + 1 / 4 + 1 / 3) / 3)
    assert found.figures["num_interactions"] == 3
