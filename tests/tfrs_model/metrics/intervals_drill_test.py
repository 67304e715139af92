"""Whether intervals hold a planted mean as often as they say, and are those of SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

from tfrs_model.metrics import intervals

pytestmark = pytest.mark.drill


@pytest.mark.parametrize("is_binary", [True, False])
def test_nineteen_of_twenty_intervals_hold_the_planted_mean(is_binary):
    generator = np.random.default_rng(0)
    samples = generator.random([1000, 100])
    samples = (samples < 0.3).astype(np.float64) if is_binary else samples**2
    truth = 0.3 if is_binary else 1 / 3
    found = [intervals.mean_interval(each, num_draws=200, seed=i) for i, each in enumerate(samples)]
    # 950 of 1000 are expected to hold it, with a standard error of 6.9; the percentiles of a hundred skewed
    # values and of 200 draws cost one or two of a hundred.
    assert 920 <= sum(each.low <= truth <= each.high for each in found) <= 975
    assert {each.method for each in found} == {intervals.BOOTSTRAP}


def test_intervals_of_few_questions_hold_the_planted_mean_where_percentiles_do_not():
    generator = np.random.default_rng(0)
    samples = (generator.random([400, 8]) < 0.1).astype(np.float64)
    few = [intervals.mean_interval(each, num_draws=200) for each in samples]
    plain = [intervals.mean_interval(each, bounds=None, num_draws=200) for each in samples]
    assert sum(each.low <= 0.1 <= each.high for each in few) >= 375
    # Without a hit, of a chance of .9^8 = .43, the percentiles are 0 and 0.
    assert sum(each.low <= 0.1 <= each.high for each in plain) < 260


def test_intervals_of_questions_drawn_by_query_hold_the_mean_where_those_of_questions_do_not():
    generator = np.random.default_rng(0)
    owners = np.repeat(np.arange(60), 10)
    # All ten questions of a query are worth the same.
    samples = np.repeat(generator.random([200, 60]), 10, axis=1)
    by_query, by_question = (
        [intervals.mean_interval(each, with_owners, num_draws=200) for each in samples]
        for with_owners in (owners, None)
    )
    assert 181 <= sum(each.low <= 0.5 <= each.high for each in by_query) <= 198
    # An interval a third as wide as it should be holds the mean in half of the cases.
    assert sum(each.low <= 0.5 <= each.high for each in by_question) < 130
    assert (by_query[0].num_questions, by_query[0].num_owners) == (600, 60)


@pytest.mark.parametrize("is_binary", [True, False])
def test_the_interval_is_that_of_scipy(is_binary):
    values = np.random.default_rng(0).random(200) ** 3
    values = (values > 0.6).astype(np.float64) if is_binary else values
    ours = intervals.mean_interval(values, num_draws=20_000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    # Each end has a standard error of sqrt(.025 * .975 / 20,000) / .0584 = .019 of that of the mean.
    tolerance = 6 * values.std() / math.sqrt(200) / 50
    np.testing.assert_allclose([ours.low, ours.high], theirs, atol=tolerance)
