import numpy as np
import pytest
import scipy.sparse

from tfrs_model.baselines.interaction_spectrum import InteractionSpectrum, InteractionSpectrumError


def _chosen(seed=0, shape=(40, 12)):
    return (np.random.default_rng(seed).random(shape) < 0.3).astype(np.float32)


def test_the_spectrum_is_that_of_a_singular_value_decomposition():
    chosen = _chosen()
    spectrum = InteractionSpectrum.of(chosen)
    _, values, right = np.linalg.svd(chosen.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(spectrum.singular_values, values, rtol=1e-12)
    assert spectrum.energy == pytest.approx(np.sum(chosen**2))
    np.testing.assert_allclose(np.abs(np.sum(spectrum.vectors * right.T, axis=0)), np.ones(12), rtol=1e-10)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array])
def test_a_sparse_matrix_has_the_spectrum_of_the_dense_one(kind):
    chosen = _chosen()
    dense, sparse = InteractionSpectrum.of(chosen), InteractionSpectrum.of(kind(chosen))
    np.testing.assert_allclose(sparse.singular_values, dense.singular_values, rtol=1e-12)
    np.testing.assert_allclose(sparse.vectors @ sparse.vectors.T, np.eye(12), atol=1e-12)


def test_more_candidates_than_queries_leave_as_many_singular_values_as_queries():
    assert InteractionSpectrum.of(_chosen(shape=(5, 12))).rank == 5


def test_two_equal_candidates_take_a_rank_away():
    chosen = _chosen()
    chosen[:, 7] = chosen[:, 3]
    assert InteractionSpectrum.of(chosen).rank == 11


def test_a_candidate_that_nobody_chose_has_no_direction_at_all():
    chosen = _chosen()
    chosen[:, 5] = 0.0
    spectrum = InteractionSpectrum.of(chosen)
    assert spectrum.rank == 11
    assert np.all(spectrum.vectors[5] == 0.0)


def test_interactions_that_are_none_or_not_finite_are_refused():
    with pytest.raises(InteractionSpectrumError, match=r"shape \(3, 4\) must not all be 0"):
        InteractionSpectrum.of(np.zeros([3, 4]))
    with pytest.raises(InteractionSpectrumError, match="must be finite numbers"):
        InteractionSpectrum.of(np.array([[1.0, np.nan]]))
