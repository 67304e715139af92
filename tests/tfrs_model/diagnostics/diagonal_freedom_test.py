import numpy as np
import pytest

from tfrs_model.baselines import linear_models
from tfrs_model.baselines.interaction_spectrum import InteractionSpectrum
from tfrs_model.diagnostics import cosines, diagonal_freedom

_PENALTY = 3.0


@pytest.fixture(scope="module")
def chosen():
    drawn = (np.random.default_rng(0).random([60, 9]) < np.linspace(0.7, 0.1, 9)).astype(np.float64)
    assert np.linalg.matrix_rank(drawn) == 9
    return drawn


@pytest.fixture(scope="module")
def base(chosen):
    return linear_models.fit_product_penalty(InteractionSpectrum.of(chosen), _PENALTY, 9)


def _three_scales(base):
    return (
        diagonal_freedom.orthonormal_candidate_scales(base),
        diagonal_freedom.orthonormal_encoder_scales(base),
        diagonal_freedom.balanced_scales(base),
    )


def _cosines(rows, columns):
    """The definition, pair by pair."""
    return np.array([[r @ c / (np.linalg.norm(r) * np.linalg.norm(c)) for c in columns] for r in rows])


def test_three_scales_predict_the_same_and_have_other_cosines(chosen, base):
    models = [diagonal_freedom.rescale(base, scales) for scales in _three_scales(base)]
    found = [_cosines(each.candidate_embeddings, each.candidate_embeddings) for each in models]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(models[first].scores(chosen), models[second].scores(chosen), rtol=0.0, atol=1e-10)
        assert np.max(np.abs(found[first] - found[second])) > 0.05


def test_all_three_are_optima_of_the_first_objective(chosen, base):
    best = linear_models.product_penalty_loss(chosen, base.encoder, base.candidate_embeddings, _PENALTY)
    for scales in _three_scales(base):
        scaled = diagonal_freedom.rescale(base, scales)
        loss = linear_models.product_penalty_loss(chosen, scaled.encoder, scaled.candidate_embeddings, _PENALTY)
        assert loss == pytest.approx(best, rel=1e-12)


def test_orthonormal_candidates_are_like_nothing_but_themselves(base):
    scaled = diagonal_freedom.rescale(base, diagonal_freedom.orthonormal_candidate_scales(base))
    found = _cosines(scaled.candidate_embeddings, scaled.candidate_embeddings)
    np.testing.assert_allclose(found, np.eye(9), atol=1e-8)


def test_with_orthonormal_candidates_cosine_ranks_as_the_dot_product(chosen, base):
    scaled = diagonal_freedom.rescale(base, diagonal_freedom.orthonormal_candidate_scales(base))
    queries = chosen[chosen.sum(axis=1) > 0.0]
    found = _cosines(scaled.embed(queries), scaled.candidate_embeddings)
    dots = scaled.scores(queries)
    lengths = np.linalg.norm(scaled.embed(queries), axis=1, keepdims=True)
    # Equal but for one factor for each query, which no ranking sees.
    np.testing.assert_allclose(found * lengths, dots, atol=1e-10)
    np.testing.assert_array_equal(np.argsort(found, axis=1), np.argsort(dots, axis=1))
    # In the base solution the two rank differently, so that the claim is about these scales.
    others = _cosines(base.embed(queries), base.candidate_embeddings)
    assert np.mean(np.argsort(others, axis=1) != np.argsort(dots, axis=1)) > 0.1


def test_with_an_orthonormal_encoder_queries_are_as_alike_as_their_interactions(chosen, base):
    scaled = diagonal_freedom.rescale(base, diagonal_freedom.orthonormal_encoder_scales(base))
    queries = chosen[chosen.sum(axis=1) > 0.0]
    np.testing.assert_allclose(
        _cosines(scaled.embed(queries), scaled.embed(queries)), _cosines(queries, queries), atol=1e-8
    )


def test_balanced_scales_give_the_first_objective_the_form_of_the_second(base):
    scaled = diagonal_freedom.rescale(base, diagonal_freedom.balanced_scales(base))
    s = base.singular_values
    lengths = np.linalg.norm(scaled.candidate_embeddings, axis=0) ** 2
    np.testing.assert_allclose(lengths, s / (1.0 + _PENALTY / s**2), rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_second_objective_rises_under_any_scales_but_signs(chosen, seed):
    model = linear_models.fit_factor_penalty(InteractionSpectrum.of(chosen), 1.0, 9)
    best = linear_models.factor_penalty_loss(chosen, model.encoder, model.candidate_embeddings, 1.0)
    generator = np.random.default_rng(seed)

    def loss_under(scales):
        scaled = diagonal_freedom.rescale(model, scales)
        return linear_models.factor_penalty_loss(chosen, scaled.encoder, scaled.candidate_embeddings, 1.0)

    assert loss_under(np.exp(0.1 * generator.normal(size=model.width))) > best * (1.0 + 1e-6)
    assert loss_under(generator.choice([-1.0, 1.0], model.width)) == pytest.approx(best, rel=1e-12)


def test_the_second_objective_is_the_same_under_a_rotation_and_so_are_its_cosines(chosen):
    model = linear_models.fit_factor_penalty(InteractionSpectrum.of(chosen), 1.0, 9)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=[model.width, model.width]))
    a, b = model.encoder @ rotation, model.candidate_embeddings @ rotation
    best = linear_models.factor_penalty_loss(chosen, model.encoder, model.candidate_embeddings, 1.0)
    assert linear_models.factor_penalty_loss(chosen, a, b, 1.0) == pytest.approx(best, rel=1e-12)
    np.testing.assert_allclose(
        cosines.cosines(b, b), cosines.cosines(model.candidate_embeddings, model.candidate_embeddings), atol=1e-12
    )


def test_scales_that_cannot_be_undone_are_refused(base):
    for bad in (np.zeros(9), np.full(9, np.inf), np.full(9, np.nan)):
        with pytest.raises(diagonal_freedom.DiagonalFreedomError, match="must be finite and not 0"):
            diagonal_freedom.rescale(base, bad)
    with pytest.raises(diagonal_freedom.DiagonalFreedomError, match=r"must have shape \(9,\), one a column, but have"):
        diagonal_freedom.rescale(base, np.ones(8))


def test_random_scales_are_of_their_seed_and_around_one():
    found = diagonal_freedom.random_scales(1000, 2, 0)
    np.testing.assert_array_equal(found, diagonal_freedom.random_scales(1000, 2, 0))
    assert np.median(found) == pytest.approx(1.0, abs=0.1)
    assert np.mean((found > 1 / 3) & (found < 3)) == pytest.approx(0.728, abs=0.03)  # P(|z| < ln 3)
