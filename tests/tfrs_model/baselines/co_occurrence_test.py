import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import co_occurrence, interactions


def _by_loops(log, normalisation):
    """The three formulas, pair by pair."""
    choosers = [set(log.query_rows[log.candidate_rows == each].tolist()) for each in range(log.num_candidates)]
    worth = np.zeros([log.num_candidates] * 2)
    for i, of_i in enumerate(choosers):
        for j, of_j in enumerate(choosers):
            if i != j and of_i & of_j:
                below = {
                    "cosine": np.sqrt(len(of_i) * len(of_j)),
                    "jaccard": len(of_i | of_j),
                    "conditional": len(of_i),
                }[normalisation]
                worth[i, j] = len(of_i & of_j) / below
    return worth


@pytest.mark.parametrize("normalisation", co_occurrence.NORMALISATIONS)
def test_scores_are_sums_over_the_history_of_the_formula_pair_by_pair(normalisation):
    log = logs.random_log(30, 12, 0.2)
    worth = _by_loops(log, normalisation)
    scores = co_occurrence.CoOccurrence(normalisation, 99).fit(log).scores(logs.states([3], [5, 0, 5], []))
    np.testing.assert_allclose(scores, [worth[3], worth[5] + worth[0], np.zeros(12)], rtol=1e-6)


@pytest.mark.parametrize(("normalisation", "value"), [("cosine", 0.5), ("jaccard", 0.25), ("conditional", 0.25)])
def test_the_worked_numbers_of_the_docstring(normalisation, value):
    # Four queries chose candidate 0, one of them candidate 1 too, twice.
    log = logs.log([(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (3, 1)], 4, 2)
    assert co_occurrence.CoOccurrence(normalisation).fit(log).scores(logs.states([0]))[0, 1] == pytest.approx(value)


def test_only_the_best_neighbours_are_kept_and_equals_keep_the_order_of_the_corpus():
    # With 0 go 1 once, 2 twice, 3 once.
    log = logs.log([(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (1, 3)], 2, 5)
    scores = co_occurrence.CoOccurrence("conditional", 2).fit(log).scores(logs.states([0], [4]))
    assert scores.tolist() == [[0, 0.5, 1.0, 0, 0], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dice", 5), "normalisation must be one of cosine, jaccard, conditional, but is 'dice'"),
        (("cosine", 0), "num_neighbours must be >= 1, but is 0"),
    ],
)
def test_parameters_out_of_range_are_refused(arguments, sentence):
    with pytest.raises(interactions.InteractionsError, match=sentence):
        co_occurrence.CoOccurrence(*arguments)


def test_neighbours_that_are_cut_are_those_of_a_fit_that_keeps_as_many():
    log, states = logs.random_log(30, 12, 0.3), logs.states([3], [5, 0, 5], [])
    widest = co_occurrence.CoOccurrence("jaccard", 99).fit(log)
    for number in (1, 4, 12, 50):
        expected = co_occurrence.CoOccurrence("jaccard", number).fit(log).scores(states)
        np.testing.assert_array_equal(widest.cut(number).scores(states), expected)
