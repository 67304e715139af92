import numpy as np
import pytest
import scipy.stats

from tfrs_model.diagnostics import rank_agreement


def test_overlap_by_hand():
    first, second = np.array([[1, 2, 3], [5, -1, -1]]), np.array([[3, 4, 1], [5, -1, -1]])
    # Two of three in the first row; one of three in the second, since no answer is shared with none.
    assert rank_agreement.top_overlap(first, second) == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_correlation_by_hand():
    found = rank_agreement.rank_correlations(
        np.array([[1.0, 2.0, 3.0]] * 3), np.array([[1, 3, 2], [2, 4, 9], [3, 2, 1.0]])
    )
    np.testing.assert_allclose(found, [0.5, 1.0, -1.0], atol=1e-12)


def test_correlations_are_those_of_scipy_with_ties():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 8, [20, 50]).astype(float), generator.normal(size=[20, 50])
    expected = [scipy.stats.spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_agreement.rank_correlations(first, second), expected, atol=1e-12)


def test_one_score_for_all_has_no_correlation():
    assert np.isnan(rank_agreement.rank_correlations(np.ones([1, 4]), np.arange(4.0)[np.newaxis]))[0]
