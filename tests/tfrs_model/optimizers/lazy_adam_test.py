import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.optimizers import steps
from tfrs_model import optimizers


def test_two_steps_with_a_repeated_row_follow_the_numbers_by_hand():
    first = steps.of_rows([1, 1], [[1.5], [0.5]])
    second = steps.of_rows([1], [[0.0]])
    after_one, after_two = steps.run(optimizers.LazyAdam(1.0), np.zeros([4, 1]), [first, second])
    # The sum is 2, and a first step is one rate. Then m = .9 * .2 = .18, v = .999 * .004 = .003996, and the
    # corrections are 1 - .81 = .19 and 1 - .998001 = .001999: sqrt(.001999) / .19 * .18 / sqrt(.003996) = .67006.
    np.testing.assert_allclose(after_one[:, 0], [0.0, -1.0, 0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(after_two[:, 0], [0.0, -1.67006, 0.0, 0.0], atol=1e-4)


def test_a_row_moves_as_under_stock_adam_on_the_steps_that_touch_it():
    generator = np.random.default_rng(0)
    touched = [[0, 2], [2], [1, 2, 3], [0, 3], [2]]
    gradients = [generator.normal(size=[len(rows), 5]).astype(np.float32) for rows in touched]
    actual = steps.run(
        optimizers.LazyAdam(0.1),
        np.ones([4, 5]),
        [steps.of_rows(rows, values) for rows, values in zip(touched, gradients, strict=True)],
    )[-1]
    for row in range(4):
        own = [values[rows.index(row)] for rows, values in zip(touched, gradients, strict=True) if row in rows]
        stock = steps.run(tf.keras.optimizers.Adam(0.1), np.ones([5]), [tf.constant(each) for each in own])
        np.testing.assert_allclose(actual[row], stock[-1], rtol=1e-5)


@pytest.mark.parametrize("start", [np.ones([4, 3]), np.ones([4]), 1.0], ids=np.ndim)
def test_with_dense_gradients_it_is_stock_adam(start):
    gradients = [tf.random.stateless_normal(np.shape(start), [0, step]) for step in range(5)]
    expected = steps.run(tf.keras.optimizers.Adam(0.1), start, gradients)
    np.testing.assert_allclose(steps.run(optimizers.LazyAdam(0.1), start, gradients), expected, rtol=1e-5)


def test_a_row_that_is_met_late_first_moves_by_one_rate():
    gradients = [steps.of_rows([0], [[1.0]])] * 50 + [steps.of_rows([3], [[0.01]])]
    assert steps.run(optimizers.LazyAdam(0.1), np.zeros([4, 1]), gradients)[-1][3, 0] == pytest.approx(-0.1, rel=1e-3)


def test_values_out_of_range_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"beta_1 and beta_2 in \[0, 1\) and epsilon > 0, but they are 0.9, 1.0 and"):
        optimizers.LazyAdam(beta_2=1.0)
