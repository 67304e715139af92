import numpy as np

from tfrs_model.baselines import ease


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
