import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import pooling

# Row 0 has two values, row 1 none, row 2 one, row 3 two of weight 0.
_ROWS = np.array([0, 0, 2, 3, 3])
_EMBEDDINGS = np.array([[1.0, -2.0], [4.0, -8.0], [3.0, 5.0], [7.0, 7.0], [8.0, 8.0]], np.float32)
_WEIGHTS = np.array([2.0, 1.0, 0.5, 0.0, 0.0], np.float32)


def _pool(name, weights=None):
    weights = None if weights is None else tf.constant(weights)
    return pooling.pool(tf.constant(_EMBEDDINGS), tf.constant(_ROWS), 4, name, weights).numpy()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # By hand: (2 * 1 + 1 * 4) / 3 = 2; sqrt(2^2 + 1^2) = 2.236068.
        ("mean", [[2.0, -4.0], [0, 0], [3.0, 5.0], [0, 0]]),
        ("sum", [[6.0, -12.0], [0, 0], [1.5, 2.5], [0, 0]]),
        ("sqrtn", [[6 / 2.236068, -12 / 2.236068], [0, 0], [3.0, 5.0], [0, 0]]),
    ],
)
def test_weighted_pooling_is_the_formula_and_zero_where_nothing_weighs(name, expected):
    np.testing.assert_allclose(_pool(name, _WEIGHTS), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["mean", "sum", "sqrtn", "max"])
def test_without_weights_each_value_counts_once(name):
    whole = {"mean": np.mean, "sum": np.sum, "sqrtn": lambda x, axis: x.sum(axis) / np.sqrt(len(x)), "max": np.max}
    expected = [whole[name](_EMBEDDINGS[row == _ROWS], axis=0) if row != 1 else [0, 0] for row in range(4)]
    np.testing.assert_allclose(_pool(name), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["mean", "sum", "sqrtn", "max"])
def test_gradients_are_finite_and_rows_without_values_have_none(name):
    embeddings = tf.constant(_EMBEDDINGS)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        pooled = pooling.pool(embeddings, tf.constant(_ROWS), 4, name, tf.constant(_WEIGHTS))
        loss = tf.reduce_sum(pooled)
    gradient = tape.gradient(loss, embeddings).numpy()
    assert np.isfinite(gradient).all()
    if name != "max":
        np.testing.assert_array_equal(gradient[3:], np.zeros([2, 2]))


def test_no_values_at_all_are_zeros():
    for name in ("mean", "sum", "sqrtn", "max"):
        pooled = pooling.pool(tf.zeros([0, 2]), tf.zeros([0], tf.int64), 3, name)
        np.testing.assert_array_equal(pooled, np.zeros([3, 2]))


def test_an_unknown_pooling_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"pooling must be mean, sum, sqrtn or max, but is 'median'\."):
        _pool("median")
