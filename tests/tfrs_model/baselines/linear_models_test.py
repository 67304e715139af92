import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

from tfrs_model.baselines import linear_models
from tfrs_model.baselines.interaction_spectrum import InteractionSpectrum
from tfrs_model.baselines.linear_models import LinearModelError

_FITS = (linear_models.fit_product_penalty, linear_models.fit_factor_penalty)


def _chosen(seed=0, shape=(30, 8)):
    return (np.random.default_rng(seed).random(shape) < 0.4).astype(np.float64)


def _product_penalty(chosen, a, b, penalty):
    """Objective (1) and its gradients, written out from the formula."""
    weights = a @ b.T
    residual = chosen @ weights - chosen
    slope = 2.0 * chosen.T @ residual + 2.0 * penalty * weights
    return np.sum(residual**2) + penalty * np.sum(weights**2), slope @ b, slope.T @ a


def _factor_penalty(chosen, a, b, penalty):
    """Objective (2) and its gradients, written out from the formula."""
    queries = chosen @ a
    residual = queries @ b.T - chosen
    loss = np.sum(residual**2) + penalty * (np.sum(queries**2) + np.sum(b**2))
    of_queries = 2.0 * residual @ b + 2.0 * penalty * queries
    return loss, chosen.T @ of_queries, 2.0 * residual.T @ queries + 2.0 * penalty * b


def _minimum(objective, chosen, penalty, rank, seed):
    shape = (2, chosen.shape[1], rank)

    def loss_and_gradient(flat):
        loss, of_a, of_b = objective(chosen, *flat.reshape(shape), penalty)
        return loss, np.stack([of_a, of_b]).ravel()

    found = scipy.optimize.minimize(
        loss_and_gradient,
        0.3 * np.random.default_rng(seed).normal(size=shape).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 0.0, "gtol": 1e-9, "maxcor": 30},
    )
    a, b = found.x.reshape(shape)
    return found.fun, a @ b.T


@pytest.mark.parametrize("rank", [3, 8])
@pytest.mark.parametrize("penalty", [0.3, 2.0])
@pytest.mark.parametrize(
    ("fit", "loss", "objective"),
    [
        (linear_models.fit_product_penalty, linear_models.product_penalty_loss, _product_penalty),
        (linear_models.fit_factor_penalty, linear_models.factor_penalty_loss, _factor_penalty),
    ],
    ids=["product_penalty", "factor_penalty"],
)
def test_the_closed_form_is_the_minimum_that_a_numeric_optimiser_finds(fit, loss, objective, penalty, rank):
    chosen = _chosen()
    model = fit(InteractionSpectrum.of(chosen), penalty, rank)
    minimum, weights = _minimum(objective, chosen, penalty, rank, seed=1)
    assert loss(chosen, model.encoder, model.candidate_embeddings, penalty) == pytest.approx(minimum, rel=1e-6)
    np.testing.assert_allclose(model.item_weights(), weights, atol=1e-6)


def test_at_full_rank_the_product_penalty_is_the_ridge_regression_of_all_on_all():
    chosen = _chosen()
    model = linear_models.fit_product_penalty(InteractionSpectrum.of(chosen), 2.0, 8)
    gram = chosen.T @ chosen
    np.testing.assert_allclose(model.item_weights(), np.linalg.solve(gram + 2.0 * np.eye(8), gram), atol=1e-12)


def test_the_factors_of_one_direction_by_hand():
    # One candidate that 16 queries chose: s = 4.
    spectrum = InteractionSpectrum.of(np.ones([16, 1]))
    product = linear_models.fit_product_penalty(spectrum, 16.0, 1)
    np.testing.assert_allclose([product.encoder[0, 0] ** 2, product.candidate_embeddings[0, 0] ** 2], [0.5, 0.5])
    factor = linear_models.fit_factor_penalty(spectrum, 1.0, 1)
    # A^2 = .75 / 4 and B^2 = .75 * 4.
    np.testing.assert_allclose([factor.encoder[0, 0] ** 2, factor.candidate_embeddings[0, 0] ** 2], [0.1875, 3.0])


def test_the_losses_by_hand():
    chosen, a, b = np.array([[1.0, 1.0]]), np.array([[1.0], [0.0]]), np.array([[2.0], [0.0]])
    # X A B' = [2, 0]: the residual is 1 + 1, |A B'|^2 = 4, |X A|^2 + |B|^2 = 1 + 4.
    assert linear_models.product_penalty_loss(chosen, a, b, 2.0) == 10.0
    assert linear_models.factor_penalty_loss(chosen, a, b, 2.0) == 12.0
    assert linear_models.product_penalty_loss(scipy.sparse.csr_array(chosen), a, b, 2.0) == 10.0


@pytest.mark.parametrize("fit", _FITS)
def test_sparse_and_dense_interactions_get_the_same_scores(fit):
    chosen = _chosen()
    model = fit(InteractionSpectrum.of(scipy.sparse.csr_array(chosen)), 1.0, 4)
    np.testing.assert_allclose(model.scores(scipy.sparse.csr_array(chosen)), chosen @ model.item_weights(), atol=1e-12)
    assert model.remark == ""


@pytest.mark.parametrize("fit", _FITS)
def test_interactions_of_lower_rank_are_fitted_and_the_rank_is_said(fit):
    chosen = _chosen()
    chosen[:, 6], chosen[:, 7] = chosen[:, 0], 0.0
    model = fit(InteractionSpectrum.of(chosen), 0.1, 8)
    assert model.width == 6
    assert model.remark.startswith("The interactions have rank 6, fewer than the 8 columns asked for.")
    weights = model.item_weights()
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights[:, 6], weights[:, 0], atol=1e-9)
    assert np.all(weights[7] == 0.0)
    assert np.all(weights[:, 7] == 0.0)


def test_at_lower_rank_the_product_penalty_is_still_the_ridge_regression():
    chosen = _chosen()
    chosen[:, 6], chosen[:, 7] = chosen[:, 0], 0.0
    model = linear_models.fit_product_penalty(InteractionSpectrum.of(chosen), 2.0, 8)
    gram = chosen.T @ chosen
    np.testing.assert_allclose(model.item_weights(), np.linalg.solve(gram + 2.0 * np.eye(8), gram), atol=1e-12)


def test_directions_below_the_penalty_are_left_out_and_said():
    spectrum = InteractionSpectrum.of(np.diag([4.0, 3.0, 2.0]))
    model = linear_models.fit_factor_penalty(spectrum, 2.5, 3)
    np.testing.assert_allclose(model.singular_values, [4.0, 3.0])
    assert model.remark == "Only 2 of 3 singular values are above the penalty."


def test_what_cannot_be_fitted_is_refused_with_the_remedy():
    spectrum = InteractionSpectrum.of(np.diag([4.0, 3.0]))
    for fit in _FITS:
        with pytest.raises(LinearModelError, match="penalty must be > 0 and finite, but is 0"):
            fit(spectrum, 0.0, 1)
        with pytest.raises(LinearModelError, match="between 1 and the 2 candidates of the corpus, but is 3"):
            fit(spectrum, 1.0, 3)
    with pytest.raises(LinearModelError, match="below the largest singular value of the interactions, 4, but is 4"):
        linear_models.fit_factor_penalty(spectrum, 4.0, 2)
