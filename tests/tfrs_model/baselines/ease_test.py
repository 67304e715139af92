import tracemalloc

import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import ease, interactions


def test_weights_of_two_candidates_by_hand():
    weights = ease.item_weights(np.array([[1, 1], [1, 0]], np.float32), penalty=1.0)
    # G = [[3, 1], [1, 2]] has the inverse [[.4, -.2], [-.2, .6]].
    np.testing.assert_allclose(weights, [[0.0, 1 / 3], [0.5, 0.0]], rtol=1e-6)


def test_each_candidate_is_the_ridge_regression_on_all_others():
    chosen = (np.random.default_rng(0).random([40, 6]) < 0.4).astype(np.float32)
    weights = ease.item_weights(chosen, penalty=2.0)
    for target in range(6):
        others = np.delete(np.arange(6), target)
        inputs = chosen[:, others].astype(np.float64)
        expected = np.linalg.solve(inputs.T @ inputs + 2.0 * np.eye(5), inputs.T @ chosen[:, target])
        np.testing.assert_allclose(weights[others, target], expected, rtol=1e-4, atol=1e-6)
        assert weights[target, target] == 0.0


def test_a_history_scores_by_the_weights_of_what_is_in_it():
    log = logs.log([(0, 0), (0, 1), (1, 0)], 2, 2)
    # The worked numbers of `item_weights`.
    scores = ease.EaseR(1.0).fit(log).scores(logs.states([0], [1, 1], []))
    np.testing.assert_allclose(scores, [[0, 1 / 3], [0.5, 0], [0, 0]], atol=1e-6)


def test_memory_does_not_grow_with_queries_times_candidates():
    log = logs.log([(query, query % 100) for query in range(4000)], 1_000_000, 100)
    tracemalloc.start()
    ease.EaseR(1.0).fit(log)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A dense matrix of float32 alone would take 400 MB.
    assert peak < 100e6


@pytest.mark.parametrize("penalty", [0, -1.0, float("inf"), float("nan")])
def test_a_penalty_that_is_not_positive_and_finite_is_refused(penalty):
    with pytest.raises(interactions.InteractionsError, match=f"penalty must be > 0 and finite, but is {penalty}"):
        ease.EaseR(penalty)
