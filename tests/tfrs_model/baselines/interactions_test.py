import dataclasses

import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import interactions


def test_a_pair_is_there_once_with_the_sum_of_its_weights():
    log = logs.log([(1, 2, 0, 0.5), (0, 1, 0, 1.0), (1, 0, 0, 1.0), (1, 2, 3, 2.0)], 3, 4)
    queries, candidates, weights = log.pairs()
    assert list(zip(queries, candidates, weights, strict=True)) == [(0, 1, 1.0), (1, 0, 1.0), (1, 2, 2.5)]
    assert log.counts.tolist() == [1, 1, 2, 0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"query_rows": np.array([0])}, "must be as many, at least one of each, but are 1, 2, 2, 2"),
        ({"query_rows": np.array([0, 3])}, r"Query rows must be in \[0, 3\), but are from 0 to 3"),
        ({"candidate_rows": np.array([-1, 0])}, r"Candidate rows must be in \[0, 4\), but are from -1 to 0"),
        ({"weights": np.array([1.0, np.nan])}, "Every weight must be finite and >= 0"),
        ({"weights": np.array([1.0, -1.0])}, "Every weight must be finite and >= 0"),
    ],
)
def test_what_nothing_can_be_fitted_on_is_refused(changes, sentence):
    with pytest.raises(interactions.InteractionsError, match=sentence):
        dataclasses.replace(logs.log([(0, 1), (2, 3)], 3, 4), **changes)


def test_no_interactions_are_refused():
    nothing = np.zeros([0])
    with pytest.raises(interactions.InteractionsError, match="at least one of each, but are 0, 0, 0, 0"):
        interactions.Interactions(nothing, nothing, nothing, nothing, 1, 1)


def test_the_matrix_and_what_was_chosen_together_count_a_pair_once():
    log = logs.log([(0, 1), (0, 1), (0, 3), (1, 3), (2, 3), (2, 1)], 3, 4)
    assert log.matrix().tolist() == [[0, 1, 0, 1], [0, 0, 0, 1], [0, 1, 0, 1]]
    together = {own: both.tolist() for own, both in log.chosen_together()}
    assert together == {1: [0, 2, 0, 2], 3: [0, 2, 0, 3]}
