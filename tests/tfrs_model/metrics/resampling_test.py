import numpy as np
import pytest

from tfrs_model.metrics import resampling


def _means(rows, sizes, num_draws=4000):
    return resampling.resampled_means(rows, sizes, num_draws, np.random.default_rng(0))


def test_counting_distinct_rows_and_drawing_rows_are_the_same_distribution(monkeypatch):
    hits = np.repeat([0.0, 1.0], [700, 300])[:, np.newaxis]
    ones = np.ones(1000, np.int64)
    by_counts = _means(hits, ones)
    monkeypatch.setattr(resampling, "_UNIFORM_PER_MULTINOMIAL", 10_000)
    by_rows = _means(hits, ones)
    for draws in (by_counts, by_rows):
        # By hand: the mean of a thousand draws of .3 has the standard error sqrt(.3 * .7 / 1000) = .01449.
        assert draws.mean() == pytest.approx(0.3, abs=0.001)
        assert draws.std() == pytest.approx(0.01449, rel=0.05)
        quantiles = np.quantile(draws, [0.025, 0.975])
        np.testing.assert_allclose(quantiles, [0.3 - 1.96 * 0.01449, 0.3 + 1.96 * 0.01449], atol=0.002)


def test_columns_are_drawn_together():
    values = np.random.default_rng(1).random(200)
    draws = _means(np.stack([values, values + 1.0, -values], axis=1), np.ones(200, np.int64), 100)
    np.testing.assert_allclose(draws[:, 1], draws[:, 0] + 1.0)
    np.testing.assert_allclose(draws[:, 2], -draws[:, 0])


def test_an_owner_of_more_questions_counts_for_more():
    sums, sizes = resampling.sums_by_owner(np.array([[1.0], [0.0], [0.0], [0.0]]), np.array(["b", "a", "a", "a"]))
    assert sums.tolist() == [[0.0], [1.0]]
    assert sizes.tolist() == [3, 1]
    # Both owners once: 1 of 4. One of them twice: 0 of 6, or 2 of 2.
    draws, counts = np.unique(_means(sums, sizes), return_counts=True)
    assert draws.tolist() == [0.0, 0.25, 1.0]
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.03)


@pytest.mark.parametrize("values", [np.repeat([1.0, 2.0], 50), np.linspace(1.0, 2.0, 100)])
def test_flipped_sums_scatter_around_nothing_by_the_root_of_squares(values):
    draws = resampling.flipped_sums(values, 4000, np.random.default_rng(0))
    spread = np.sqrt(np.sum(values**2))
    assert draws.shape == (4000,)
    assert abs(draws.mean()) < 0.08 * spread
    assert draws.std() == pytest.approx(spread, rel=0.05)


def test_blocks_of_draws_are_as_many_as_were_asked_for_and_fit_into_memory(monkeypatch):
    monkeypatch.setattr(resampling, "_MAX_NUMBERS_PER_BLOCK", 100)
    assert list(resampling._block_sizes(7, 33)) == [3, 3, 1]
    assert list(resampling._block_sizes(2, 1000)) == [1, 1]
    assert _means(np.random.default_rng(0).random([33, 1]), np.ones(33, np.int64), 7).shape == (7, 1)


def test_distinct_rows_are_those_of_numpy():
    rows = np.random.default_rng(0).integers(0, 3, [500, 4]).astype(np.float64)
    distinct, counts = resampling._distinct_rows(rows)
    order = np.lexsort(distinct.T[::-1])
    expected = np.unique(rows, axis=0, return_counts=True)
    np.testing.assert_array_equal(distinct[order], expected[0])
    np.testing.assert_array_equal(counts[order], expected[1])
