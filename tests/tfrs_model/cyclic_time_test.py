import datetime
import math

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import cyclic_time

_PARTS = ("hour_of_day", "day_of_week", "day_of_month", "month_of_year")
_EPOCH = datetime.datetime(1970, 1, 1)


def _microseconds(*moments):
    return tf.constant([(each - _EPOCH) // datetime.timedelta(microseconds=1) for each in moments], tf.int64)


def test_a_moment_is_where_it_stands_on_each_circle():
    sunday_evening = datetime.datetime(2026, 11, 22, 18, 0)
    encoded = cyclic_time.encode_moments(_microseconds(sunday_evening), _PARTS)
    # By hand: 3/4 of the day; day 6 of 7; 21 days of 31 passed; 10 months of 12.
    shares = [3 / 4, 6 / 7, 21 / 31, 10 / 12]
    expected = [f(2 * math.pi * share) for share in shares for f in (math.sin, math.cos)]
    np.testing.assert_allclose(encoded, [[*expected, 0]], atol=1e-6)


def test_the_last_microsecond_of_a_day_is_beside_the_first():
    midnight = datetime.datetime(2000, 3, 1)
    before, after = cyclic_time.encode_moments(
        _microseconds(midnight - datetime.timedelta(microseconds=1), midnight), ["hour_of_day"]
    )
    np.testing.assert_allclose(before, after, atol=1e-6)
    np.testing.assert_allclose(after, [0, 1, 0], atol=1e-6)


def test_a_missing_moment_is_zeros_and_a_flag_and_earlier_ones_are_moments():
    encoded = cyclic_time.encode_moments(tf.constant([-1, 0, -1_000_001], tf.int64), ["hour_of_day", "day_of_week"])
    np.testing.assert_array_equal(encoded[0], [0, 0, 0, 0, 1])
    # 1970-01-01 was a Thursday.
    thursday = 2 * math.pi * 3 / 7
    np.testing.assert_allclose(encoded[1], [0, 1, math.sin(thursday), math.cos(thursday), 0], atol=1e-6)
    assert encoded[2][4] == 0


def test_parts_come_in_the_order_asked_for():
    moment = _microseconds(datetime.datetime(2024, 2, 29, 5, 30))
    one, two = (cyclic_time.encode_moments(moment, parts) for parts in (_PARTS[:2], _PARTS[1::-1]))
    np.testing.assert_array_equal(one.numpy()[0, [2, 3, 0, 1, 4]], two[0])


@pytest.mark.parametrize("first_year", [1583, 1890, 1970, 1999, 2090, 9990])
def test_dates_are_those_of_the_calendar(first_year):
    days = [datetime.datetime(first_year, 1, 1) + datetime.timedelta(days=i, hours=23) for i in range(0, 3600, 3)]
    encoded = cyclic_time.encode_moments(_microseconds(*days), _PARTS[1:]).numpy()
    shares = np.array([[each.weekday() / 7, (each.day - 1) / 31, (each.month - 1) / 12] for each in days])
    expected = np.stack([np.sin(2 * np.pi * shares), np.cos(2 * np.pi * shares)], axis=2).reshape([len(days), 6])
    np.testing.assert_allclose(encoded[:, :-1], expected, atol=1e-6)
