"""The parts of a moment that come back: places on circles, so that 23:59 is beside 00:00."""

import math
from collections.abc import Sequence

import tensorflow as tf

from tfrs_model import schema

_MICROSECONDS_PER_DAY = 24 * 60 * 60 * 1_000_000


def encode_moments(microseconds: tf.Tensor, parts: Sequence[str]) -> tf.Tensor:
    """Returns sine and cosine of each part, then a flag that is 1 where the moment is missing.

    The angle is 2 pi times what has passed of the cycle: of the day to the microsecond; of the week
    whole days since Monday over 7; of the month whole days over 31; of the year whole months over 12.
    At 06:00 `hour_of_day` is (1, 0). A missing moment has 0 for all of them.

    Args:
      microseconds: `[batch_size]` int64 since 1970-01-01 UTC, -1 where missing.
      parts: from `hour_of_day`, `day_of_week`, `day_of_month`, `month_of_year`.

    Returns:
      `[batch_size, 2 * len(parts) + 1]` float32.
    """
    missing = tf.equal(microseconds, schema.MISSING_MOMENT)
    columns = []
    for part in parts:
        angles = tf.constant(2 * math.pi, tf.float64) * _FRACTIONS[part](microseconds)
        columns += [tf.sin(angles), tf.cos(angles)]
    known = tf.where(missing[:, tf.newaxis], tf.zeros([], tf.float64), tf.stack(columns, axis=1))
    return tf.concat([tf.cast(known, tf.float32), tf.cast(missing, tf.float32)[:, tf.newaxis]], axis=1)


def _of_day(microseconds: tf.Tensor) -> tf.Tensor:
    return _share(microseconds % _MICROSECONDS_PER_DAY, _MICROSECONDS_PER_DAY)


def _of_week(microseconds: tf.Tensor) -> tf.Tensor:
    # 1970-01-01 was a Thursday, the third day after Monday.
    return _share((microseconds // _MICROSECONDS_PER_DAY + 3) % 7, 7)


def _of_month(microseconds: tf.Tensor) -> tf.Tensor:
    return _share(_civil_date(microseconds)[1], 31)


def _of_year(microseconds: tf.Tensor) -> tf.Tensor:
    return _share(_civil_date(microseconds)[0], 12)


def _civil_date(microseconds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns months since January and days since the first of the month, in the Gregorian calendar.

    Years are counted from 1 March, so that the leap day is the last of a year, and months from
    March have 31, 30, 31, 30, 31 days over and over, which (153 m + 2) // 5 adds up.
    """
    # 719468 days lie between 0000-03-01 and 1970-01-01; 146097 are in 400 years.
    days = microseconds // _MICROSECONDS_PER_DAY + 719468
    day_of_era = days % 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    return (month + 2) % 12, day_of_year - (153 * month + 2) // 5


def _share(done: tf.Tensor, whole: int) -> tf.Tensor:
    return tf.cast(done, tf.float64) / whole


_FRACTIONS = {"hour_of_day": _of_day, "day_of_week": _of_week, "day_of_month": _of_month, "month_of_year": _of_year}
