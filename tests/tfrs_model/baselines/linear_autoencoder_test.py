import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import interactions, linear_autoencoder


def test_scores_of_the_product_objective_are_the_ridge_regression_of_all_candidates_on_all():
    log = logs.random_log(40, 6, 0.4)
    chosen = np.zeros([40, 6])
    chosen[log.query_rows, log.candidate_rows] = 1.0
    fitted = linear_autoencoder.LinearAutoencoder("product", 3.0, 6).fit(log)
    ridge = np.linalg.solve(chosen.T @ chosen + 3.0 * np.eye(6), chosen.T @ chosen)
    scores = fitted.scores(logs.states([1, 4, 1], []))
    np.testing.assert_allclose(scores, [ridge[1] + ridge[4], np.zeros(6)], atol=1e-5)
    assert fitted.candidate_embeddings.shape == (6, 6)


def test_the_factors_objective_leaves_out_what_the_penalty_reaches():
    # Two groups of one candidate each, of 9 and of 4 queries: singular values 3 and 2.
    log = logs.log([(q, int(q >= 9)) for q in range(13)], 13, 2)
    fitted = linear_autoencoder.LinearAutoencoder("factors", 2.5, 2).fit(log)
    # Of the first direction 1 - 2.5 / 3 is kept.
    np.testing.assert_allclose(fitted.scores(logs.states([0], [1])), [[1 / 6, 0], [0, 0]], atol=1e-6)


def test_an_objective_that_there_is_not_is_refused():
    with pytest.raises(interactions.InteractionsError, match="must be one of product, factors, but is 'sum'"):
        linear_autoencoder.LinearAutoencoder("sum", 1.0, 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("product", 0.0, 2), "penalty must be > 0 and finite, but is 0"),
        (("factors", float("inf"), 2), "penalty must be > 0 and finite, but is inf"),
        (("factors", 1.0, 0), "rank must be >= 1, but is 0"),
    ],
)
def test_what_no_interactions_could_be_fitted_with_is_refused_before_there_are_any(arguments, sentence):
    with pytest.raises(interactions.InteractionsError, match=sentence):
        linear_autoencoder.LinearAutoencoder(*arguments)
