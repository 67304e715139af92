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
    assert log.matrix().toarray().tolist() == [[0, 1, 0, 1], [0, 0, 0, 1], [0, 1, 0, 1]]
    together = [(own, rows.tolist(), both.tolist()) for own, rows, both in log.chosen_together()]
    assert together == [(1, [1, 3], [2, 2]), (3, [1, 3], [2, 3])]


def test_what_was_chosen_together_is_the_same_however_few_candidates_a_block_has(monkeypatch):
    log = logs.random_log(30, 40, 0.1)
    # Nine candidates at a time.
    monkeypatch.setattr(interactions, "_MAX_NUMBERS_PER_BLOCK", 399)
    choosers = [set(log.query_rows[log.candidate_rows == each].tolist()) for each in range(40)]
    expected = {
        (own, other): len(of_own & of_other)
        for own, of_own in enumerate(choosers)
        for other, of_other in enumerate(choosers)
        if of_own & of_other
    }
    found = {(own, int(row)): int(n) for own, *of in log.chosen_together() for row, n in zip(*of, strict=True)}
    assert found == expected


def test_many_queries_on_many_candidates_cost_what_was_chosen_alone():
    # As a dense matrix 400 GB.
    log = logs.log([(0, 5), (0, 99_999), (999_999, 5)], 1_000_000, 100_000)
    assert log.matrix().nnz == 3
    assert [own for own, *_ in log.chosen_together()] == [5, 99_999]
