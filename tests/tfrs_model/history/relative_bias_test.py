import math

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model.history import relative_bias

_SECOND = 1_000_000


def _position_bucket(distance):
    """Returns the bucket as Raffel et al. (JMLR 2020) give it: 32 buckets, 16 of them exact, to a distance of 128."""
    return distance if distance < 16 else min(16 + int(16 * math.log(distance / 16) / math.log(128 / 16)), 31)


def test_each_distance_has_the_bias_of_its_bucket():
    table = tf.stack([tf.range(32.0), 100.0 + tf.range(32.0)])
    positions = tf.constant([[0, 15, 16, 32, 299]])
    bias = relative_bias.position_bias(table, positions, 300).numpy()
    assert bias.shape == (2, 1, 5, 300)
    for i, position in enumerate((0, 15, 16, 32, 299)):
        expected = [_position_bucket(position - j) for j in range(position + 1)]
        np.testing.assert_array_equal(bias[0, 0, i, : position + 1], expected)
        np.testing.assert_array_equal(bias[1, 0, i, : position + 1], 100.0 + np.array(expected))


def test_the_documented_distances_fall_into_the_documented_buckets():
    bias = relative_bias.position_bias(tf.range(32.0)[tf.newaxis], tf.constant([[1000]]), 1001).numpy()[0, 0, 0]
    assert [bias[1000 - distance] for distance in (0, 15, 16, 32, 1000)] == [0, 15, 16, 21, 31]


def test_what_is_still_to_come_has_no_weight_at_all_however_high_its_logit():
    bias = relative_bias.position_bias(tf.zeros([1, 32]), tf.constant([[1]]), 4)[0, 0]
    weights = tf.nn.softmax(tf.constant([[0.0, 0.0, 1e4, 1e4]]) + bias).numpy()
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0.0, 0.0]])


def _time_gap_bucket(gap):
    return relative_bias.time_gap_bias(
        tf.range(33.0)[tf.newaxis], tf.constant([[10**15 + gap]], tf.int64), tf.constant([[10**15]], tf.int64)
    ).numpy()[0, 0, 0, 0]


@pytest.mark.parametrize(
    ("gap", "bucket"),
    [
        (0, 0),
        (1, 0),
        (2**20 - 1, 0),
        (2**20, 1),
        (2**40 - 1, 20),
        (2**40, 21),
        (3600 * _SECOND, 12),
        (86400 * _SECOND, 17),
        (365 * 86400 * _SECOND, 25),
        (2**50 - 1, 30),
        (2**50, 31),
        (2**53, 31),
        (-5 * _SECOND, 0),
    ],
)
def test_a_time_gap_falls_into_the_bucket_of_its_logarithm(gap, bucket):
    assert _time_gap_bucket(gap) == bucket


def test_a_gap_with_an_unknown_end_has_a_bucket_of_its_own():
    times = tf.constant([[-1, 10**15]], tf.int64)
    bias = relative_bias.time_gap_bias(tf.range(33.0)[tf.newaxis], times, times)
    np.testing.assert_array_equal(bias[0, 0], [[32, 32], [32, 0]])


def test_the_gradient_of_a_bucket_is_the_sum_over_its_gaps():
    generator = np.random.default_rng(0)
    times = generator.integers(0, 2**45, [3, 7])
    table, weights = tf.zeros([2, 33]), generator.normal(size=[2, 3, 7, 7]).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(table)
        total = tf.reduce_sum(weights * relative_bias.time_gap_bias(table, tf.constant(times), tf.constant(times)))
    expected = np.zeros([2, 33])
    for row in range(3):
        for i in range(7):
            for j in range(7):
                gap = max(int(times[row, i]) - int(times[row, j]), 1)
                expected[:, min(max(gap.bit_length() - 20, 0), 31)] += weights[:, row, i, j]
    np.testing.assert_allclose(tf.convert_to_tensor(tape.gradient(total, table)), expected, atol=1e-5)
