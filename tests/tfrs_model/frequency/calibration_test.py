import math

import numpy as np
import pytest

from tfrs_model.frequency import calibration


def test_the_error_is_the_mean_distance_of_logarithms_to_the_shares_of_the_stream():
    found = calibration.calibrate(np.array([0.8, 0.1]), np.array([8, 2]))
    # By hand: 0.8 / 0.8 = 1 and 0.1 / 0.2 = 1/2.
    assert found.mean_log_error == pytest.approx(math.log(2) / 2)
    assert [(each.num_ids, each.observed, each.estimated) for each in found.bins] == [
        (1, pytest.approx(0.2), pytest.approx(0.1)),
        (1, pytest.approx(0.8), pytest.approx(0.8)),
    ]
    assert found.num_unseen == 0
    assert math.isnan(found.unseen_estimate)


def test_ids_that_come_about_equally_often_are_one_group_of_four_for_each_power_of_ten():
    counts = np.array([100, 110, 1000, 120, 8670])
    estimated = counts / 10_000 * [1.0, 2.0, 1.0, 4.0, 3.0]
    found = calibration.calibrate(estimated, counts)
    # 10^-2 to 10^-1.75 = .0178 is one group, .1 begins another, .867 lies in the last, from 10^-.25 = .562 on.
    assert [each.num_ids for each in found.bins] == [3, 1, 1]
    rare = found.bins[0]
    assert rare.observed == pytest.approx((0.0100 * 0.0110 * 0.0120) ** (1 / 3))
    assert rare.estimated == pytest.approx(rare.observed * 2.0)
    # The logarithms of 1, 2 and 4 are evenly spaced: percentile 10 is a fifth of the way from the first to the second.
    assert rare.low_ratio == pytest.approx(2**0.2)
    assert rare.high_ratio == pytest.approx(2**1.8)
    assert found.bins[2].low_ratio == found.bins[2].high_ratio == pytest.approx(3.0)


def test_ids_that_never_came_are_told_apart():
    found = calibration.calibrate(np.array([1.0, 1e-6, 1e-4]), np.array([5, 0, 0]))
    assert found.num_unseen == 2
    assert found.unseen_estimate == pytest.approx(1e-5)
    assert found.mean_log_error == pytest.approx(0.0)


def test_a_stream_without_draws_has_no_groups():
    found = calibration.calibrate(np.array([0.5]), np.array([0]))
    assert found.bins == ()
    assert math.isnan(found.mean_log_error)


def test_what_is_no_estimate_is_refused():
    with pytest.raises(ValueError, match=r"must be > 0, but the smallest is 0\.0"):
        calibration.calibrate(np.array([0.0, 0.5]), np.array([1, 1]))
    with pytest.raises(ValueError, match="an estimate and a count, but there are 1 and 2"):
        calibration.calibrate(np.array([0.5]), np.array([1, 1]))
