import numpy as np
import tensorflow as tf

from tfrs_model import weight_health


def test_numbers_that_are_none_are_counted_by_weight():
    weights = [
        tf.Variable([1.0, float("nan"), float("inf")], name="layer"),
        tf.Variable([[0.0, -1e38]], name="table"),
        tf.Variable([3], dtype=tf.int64, name="steps"),
        tf.Variable(np.array([float("-inf")], np.float16), name="half"),
    ]
    assert weight_health.count_not_finite(weights) == {"layer:0": 2, "half:0": 1}


def test_weights_of_one_name_are_counted_together():
    weights = [tf.Variable(float("nan"), name="kernel"), tf.Variable([1.0, float("nan")], name="kernel")]
    assert weight_health.count_not_finite(weights) == {"kernel:0": 2}


def test_no_weights_are_fine():
    assert weight_health.count_not_finite([]) == {}
