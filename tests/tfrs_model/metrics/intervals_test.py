import math

import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import intervals


def test_few_questions_have_the_interval_of_wilson_by_hand():
    found = intervals.mean_interval(np.ones(3))
    # z^2 = 3.8415: low = 1 / (1 + z^2 / 3) = .4385.
    assert (found.low, found.high) == pytest.approx((0.4385, 1.0), abs=1e-4)
    assert (found.mean, found.num_questions, found.method) == (1.0, 3, intervals.WILSON)
    # Newcombe (Statistics in Medicine 1998, table I): 0 of 20 is between 0 and .1611, 81 of 263 is .2553 to .3662.
    assert intervals.mean_interval(np.zeros(20)).high == pytest.approx(0.1611, abs=1e-4)
    shares = np.repeat([0.0, 1.0], [182, 81])
    assert intervals._wilson(shares.mean(), np.ones(263, int), (0, 1), 0.95) == pytest.approx(
        (0.2553, 0.3662), abs=1e-4
    )


def test_many_questions_that_are_nearly_all_the_same_are_few():
    found = intervals.mean_interval(np.zeros(200))
    # z^2 / (200 + z^2).
    assert (found.low, found.high) == pytest.approx((0.0, 0.01885), abs=1e-5)


def test_many_questions_of_few_queries_are_few():
    of_ten_queries = intervals.mean_interval(np.ones(1000), np.arange(1000) % 10)
    assert of_ten_queries.low == pytest.approx(intervals.mean_interval(np.ones(10)).low)
    # Of sizes 900 and 100 there are 1000^2 / (900^2 + 100^2) = 1.22 samples: low = 1 / (1 + z^2 / 1.22).
    unequal = intervals.mean_interval(np.ones(1000), np.arange(1000) < 900)
    assert unequal.low == pytest.approx(1 / (1 + 3.8415 * 0.82), abs=1e-4)


def test_bounds_stretch_the_interval():
    unit = intervals.mean_interval(np.array([0.2, 0.6]))
    stretched = intervals.mean_interval(np.array([-0.6, 0.2]), bounds=(-1.0, 1.0))
    assert (stretched.low, stretched.high) == pytest.approx((2 * unit.low - 1, 2 * unit.high - 1))


def test_no_questions_could_be_worth_anything():
    found = intervals.mean_interval(np.zeros(0))
    assert math.isnan(found.mean)
    assert (found.low, found.high, found.num_questions) == (0.0, 1.0, 0)
    assert math.isnan(intervals.mean_interval(np.zeros(0), bounds=None).high)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    values = np.random.default_rng(0).random(100)
    assert intervals.mean_interval(values, seed=3) == intervals.mean_interval(values, seed=3)
    assert intervals.mean_interval(values, seed=3) != intervals.mean_interval(values, seed=4)


def test_a_question_without_a_value_is_refused():
    with pytest.raises(
        metrics.MetricsError, match="must have a finite value, but 2 have none; leave them out, and say"
    ):
        intervals.mean_interval(np.array([0.5, np.nan, np.inf]), bounds=None)


def test_a_value_out_of_bounds_is_refused():
    with pytest.raises(metrics.MetricsError, match=r"must be between 0.0 and 1.0, but 1 are not; give the bounds that"):
        intervals.mean_interval(np.array([0.5, 7.0]))


def test_owners_of_other_questions_are_refused():
    with pytest.raises(metrics.MetricsError, match="has one owner, but 2 are given for 3 questions"):
        intervals.mean_interval(np.zeros(3), owners=np.zeros(2))
