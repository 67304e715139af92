import numpy as np
import pytest
import scipy.sparse

from tfrs_model.diagnostics import column_transform

_ALL = (
    column_transform.leave,
    column_transform.standardise,
    column_transform.correct_popularity,
    column_transform.weight_by_inverse_propensity,
)


def _chosen():
    # The columns are chosen 16, 1, 4 and 0 times.
    chosen = np.zeros([20, 4], np.float32)
    chosen[:16, 0], chosen[3, 1], chosen[5:9, 2] = 1.0, 1.0, 1.0
    return chosen


def test_standardised_columns_have_mean_zero_and_variance_one_and_empty_ones_stay_zero():
    found = column_transform.standardise(_chosen()).apply(_chosen())
    np.testing.assert_allclose(found.mean(axis=0), np.zeros(4), atol=1e-12)
    np.testing.assert_allclose(found.var(axis=0), [1, 1, 1, 0], atol=1e-12)


def test_a_column_by_hand():
    found = column_transform.standardise(np.array([[1.0], [0.0], [0.0], [0.0]]))
    np.testing.assert_allclose([found.shift[0], found.divisor[0]], [0.25, 0.4330127], atol=1e-7)


def test_popularity_is_divided_out_by_its_power():
    # (1/16)^(3/4) = 1/8 and (4/16)^(3/4) = 2^-1.5.
    np.testing.assert_allclose(
        column_transform.correct_popularity(_chosen()).divisor, [1.0, 0.125, 2.0**-1.5, 1.0], rtol=1e-12
    )


def test_propensities_are_the_root_of_the_relative_frequency():
    np.testing.assert_allclose(
        column_transform.weight_by_inverse_propensity(_chosen()).divisor, [1.0, 0.25, 0.5, 1.0], rtol=1e-12
    )


def test_the_unbiased_loss_is_the_squared_distance_to_interactions_over_propensities_but_for_a_constant():
    chosen, propensity, scores = np.array([1.0, 0.0]), np.array([0.4, 0.7]), np.array([0.3, 0.2])
    weighted = chosen / propensity

    def unbiased(scores):
        return np.sum(weighted * (1.0 - scores) ** 2 + (1.0 - weighted) * scores**2)

    constant = np.sum(weighted - weighted**2)
    for each in (scores, np.array([1.1, -0.4])):
        assert unbiased(each) == pytest.approx(np.sum((each - weighted) ** 2) + constant)


@pytest.mark.parametrize("make", _ALL, ids=lambda make: make.__name__)
def test_sparse_interactions_are_transformed_as_dense_ones_and_back(make):
    chosen = _chosen()
    transform = make(scipy.sparse.csr_array(chosen))
    found = transform.apply(scipy.sparse.csr_array(chosen))
    dense = found.toarray() if hasattr(found, "toarray") else found
    np.testing.assert_allclose(dense, make(chosen).apply(chosen), atol=1e-7)
    np.testing.assert_allclose(transform.undo(dense), chosen, atol=1e-7)
