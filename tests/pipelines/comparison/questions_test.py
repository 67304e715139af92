import numpy as np
import pytest

from pipelines import offline_evaluation, prepared_data
from pipelines.comparison import questions
from tests.pipelines import prepared_tables
from tfrs_model.baselines import item_to_item, scorer

# p chose c and d of train, and was asked for e, in one moment.
_ROWS = [
    ("p", "a", 1, "train", 0),
    ("p", "b", 2, "train", 1),
    ("p", "c", 5, "train", 2),
    ("p", "d", 5, "validation", 2),
    ("p", "e", 5, "test", 2),
    ("q", "b", 1, "train", 0),
    ("q", "c", 3, "validation", 1),
    ("q", "d", 4, "test", 2),
    ("q", "a", 6, "test", 3),
]


def _data(tmp_path, rows=_ROWS):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", rows, list("abcde")))


def _histories(data, split, history):
    asked = offline_evaluation.held_out(data, split)
    states = questions.query_states_of(asked, data, history)
    return ["".join("abcde"[row] for row in each) for each in states.histories()]


def test_baselines_see_what_is_strictly_earlier_and_all_of_earlier_splits(tmp_path):
    data = _data(tmp_path)
    assert _histories(data, "validation", "visible") == ["abc", "b"]
    # The second test question of q sees its first one, as a model would.
    assert _histories(data, "test", "visible") == ["abcd", "bc", "bcd"]


def test_baselines_that_are_asked_by_their_training_row_see_nothing_else(tmp_path):
    data = _data(tmp_path)
    assert _histories(data, "validation", "training") == ["abc", "b"]
    assert _histories(data, "test", "training") == ["abc", "b", "b"]


def test_where_an_earlier_split_is_not_earlier_a_baseline_sees_no_more_than_a_model(tmp_path):
    # The row of train comes after that of test: only a is strictly earlier than c.
    rows = [("p", "a", 1, "train", 0), ("p", "c", 2, "test", 1), ("p", "b", 3, "train", 2)]
    assert _histories(_data(tmp_path, rows), "test", "visible") == ["a"]


def test_queries_are_asked_with_all_of_earlier_splits(tmp_path):
    data = _data(tmp_path)
    asked = offline_evaluation.held_out_queries(data, "test")
    states = questions.query_states_of(asked, data, "visible")
    assert [each.tolist() for each in states.histories()] == [[0, 1, 2, 3], [1, 2]]


def test_what_is_fitted_on_is_the_training_split(tmp_path):
    log = questions.training_interactions(_data(tmp_path))
    assert log.counts.tolist() == [1, 2, 1, 0, 0]
    assert (log.num_queries, log.num_candidates) == (2, 5)


@pytest.mark.parametrize("ask_per", offline_evaluation.ASK_PER)
def test_scores_and_inner_products_of_the_same_model_rank_alike(tmp_path, ask_per):
    data = _data(tmp_path)
    weights = np.random.default_rng(0).normal(size=[5, 5]).astype(np.float32)

    class Products(scorer.InnerProductScorer):
        candidate_embeddings = np.eye(5, dtype=np.float32)

        def embed_queries(self, states):
            return by_scores.scores(states)

    by_scores = item_to_item.ItemToItem(weights)
    asked = offline_evaluation.questions_of(data, "test", ask_per)
    told = []
    one = questions.ask_scorer(by_scores, data, "visible")(asked, told.append)
    other = questions.ask_scorer(Products(), data, "visible")(asked)
    np.testing.assert_array_equal(one.target_ranks, other.target_ranks)
    np.testing.assert_array_equal(one.top_rows, other.top_rows[:, : one.top_rows.shape[1]])
    assert sum(told) == len(asked.examples)
