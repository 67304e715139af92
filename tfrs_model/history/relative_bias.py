"""How much attention pays to a choice by how many choices, and how much time, ago it was."""

import math

import numpy as np
import tensorflow as tf

from tfrs_model import schema as schema_lib

NUM_POSITION_BUCKETS = 32
_NUM_EXACT = 16
_FARTHEST = 128
NUM_TIME_GAP_BUCKETS = 33
_MISSING_GAP = NUM_TIME_GAP_BUCKETS - 1


# Added to a logit, it leaves no float32 weight beside any other.
_INVISIBLE = -1e9


def position_bias(table: tf.Tensor, query_positions: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns what is added to the logits for the distance in positions, and what hides positions still to come.

    Distances below 16 have a bucket each; sixteen more buckets, each 8^(1/16) times as wide as the one
    before, reach to 128, beyond which all is one (Raffel et al., JMLR 2020, sec. 2.1, with buckets that look
    back only). Distances 0, 15, 16, 32 and 1000 fall into buckets 0, 15, 16, 21 and 31.

    Args:
      table: `[num_heads, NUM_POSITION_BUCKETS]` float32, learned.
      query_positions: `[num_rows, num_queries]` int32; one row will do where all are alike.
      length: scalar int32, how many positions there are to look at.

    Returns:
      `[num_heads, num_rows, num_queries, length]` float32.
    """
    distances = query_positions[:, :, tf.newaxis] - tf.range(length)
    by_distance = tf.gather(table, tf.constant(_position_buckets()), axis=1)
    bias = tf.gather(by_distance, tf.clip_by_value(distances, 0, _FARTHEST), axis=1)
    return tf.where(distances >= 0, bias, _INVISIBLE)


def time_gap_bias(table: tf.Tensor, query_times: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
    """Returns what is added to the logits for the time between two choices.

    Gaps fall into buckets by their logarithm (Zhai et al., ICML 2024, sec. 3.2):

        bucket = clip(floor(log2(microseconds)) - 19, 0, 31)

    so that bucket 0 ends at 2^20 microseconds, about a second, and each later one is twice as wide; an
    hour is in bucket 12, a day in 17, a year in 25. A gap below 0, of choices that are not in
    order, counts as 0. Bucket 32 holds gaps of which either end is not known.

    Args:
      table: `[num_heads, NUM_TIME_GAP_BUCKETS]` float32, learned.
      query_times: `[num_rows, num_queries]` int64 microseconds, -1 where unknown.
      times: `[num_rows, length]` int64, likewise.

    Returns:
      `[num_heads, num_rows, num_queries, length]` float32.
    """
    return _looked_up(table, _time_gap_buckets(query_times[:, :, tf.newaxis], times[:, tf.newaxis, :]))


def _position_buckets() -> np.ndarray:
    """Returns the bucket of each distance from 0 to the farthest that is told from those beyond."""
    distances = np.arange(_FARTHEST + 1)
    octaves = np.log(np.maximum(distances, _NUM_EXACT) / _NUM_EXACT) / math.log(_FARTHEST / _NUM_EXACT)
    num_wide = NUM_POSITION_BUCKETS - _NUM_EXACT
    wide = np.minimum(_NUM_EXACT + np.floor(octaves * num_wide), NUM_POSITION_BUCKETS - 1)
    return np.where(distances < _NUM_EXACT, distances, wide).astype(np.int32)


def _time_gap_buckets(query_times: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
    gaps = tf.maximum(query_times - times, 1)
    # The exponent of a float64 is the logarithm rounded down, exact up to 2^53 microseconds, 285 years.
    exponents = tf.bitwise.right_shift(tf.bitcast(tf.cast(gaps, tf.float64), tf.int64), tf.constant(52, tf.int64))
    buckets = tf.clip_by_value(tf.cast(exponents, tf.int32) - (1023 + 19), 0, _MISSING_GAP - 1)
    is_missing = tf.logical_or(
        tf.equal(query_times, schema_lib.MISSING_MOMENT), tf.equal(times, schema_lib.MISSING_MOMENT)
    )
    return tf.where(is_missing, _MISSING_GAP, buckets)


@tf.custom_gradient
def _looked_up(table: tf.Tensor, buckets: tf.Tensor) -> tuple:
    """Returns `[num_heads, *buckets.shape]`; its gradient sums head by head, without turning a copy around."""
    values = tf.gather(tf.transpose(table), buckets)

    def gradient(of_values: tf.Tensor) -> tuple[tf.Tensor, None]:
        num_buckets = tf.shape(table)[1]
        sums = [tf.math.unsorted_segment_sum(each, buckets, num_buckets) for each in tf.unstack(of_values)]
        return tf.stack(sums), None

    return tf.transpose(values, [3, 0, 1, 2]), gradient
