import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.optimizers import steps
from tfrs_model import optimizers


def test_two_steps_with_a_repeated_row_follow_the_numbers_by_hand():
    optimizer = optimizers.RowWiseAdagrad(learning_rate=1.0)
    first = steps.of_rows([2, 0, 2], [[1.0, 1.0], [0.0, 2.0], [2.0, 0.0]])
    second = steps.of_rows([2], [[1.0, -3.0]])
    after_one, after_two = steps.run(optimizer, np.zeros([4, 2]), [first, second])
    # Row 2: the sum is [3, 1], its mean square 5. Row 0: mean square 2. Then row 2 adds (1 + 9) / 2 = 5.
    row_2 = -np.array([3.0, 1.0]) / np.sqrt(5.0)
    np.testing.assert_allclose(after_one, [[0.0, -np.sqrt(2.0)], [0, 0], row_2, [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(after_two[2], row_2 - np.array([1.0, -3.0]) / np.sqrt(10.0), rtol=1e-6)
    np.testing.assert_array_equal(after_two[[0, 1, 3]], after_one[[0, 1, 3]])


def test_its_state_is_one_number_a_row():
    optimizer = optimizers.RowWiseAdagrad()
    optimizer.build([tf.Variable(tf.zeros([1000, 64])), tf.Variable(tf.zeros([7])), tf.Variable(0.0)])
    assert [tuple(slot.shape) for slot in optimizer.variables[1:]] == [(1000,), (7,), ()]


def test_rows_of_one_element_move_as_under_adagrad_without_a_start():
    gradients = [steps.of_rows([1, 3], [[2.0], [1.0]]), steps.of_rows([3], [[-0.5]])]
    actual = steps.run(optimizers.RowWiseAdagrad(0.1), np.ones([4, 1]), gradients)
    stock = tf.keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=1e-16)
    np.testing.assert_allclose(actual, steps.run(stock, np.ones([4, 1]), gradients), rtol=1e-6)


def test_the_scale_of_the_loss_does_not_matter():
    values = np.random.default_rng(0).normal(size=[3, 2, 5])
    paths = [
        steps.run(optimizers.RowWiseAdagrad(0.1), np.ones([4, 5]), [steps.of_rows([0, 2], scale * v) for v in values])
        for scale in (1.0, 1e-3)
    ]
    np.testing.assert_allclose(*paths, rtol=1e-4)


@pytest.mark.parametrize("start", [np.ones([4, 3]), np.ones([4, 2, 3]), np.ones([4]), 1.0], ids=np.ndim)
def test_a_dense_gradient_of_any_rank_moves_as_numpy_says(start):
    values = [np.random.default_rng(seed).normal(size=np.shape(start)) for seed in (0, 1)]
    expected, accumulator = np.array(start, float), 0.5
    for value in values:
        square = value**2
        accumulator = accumulator + square.mean(axis=tuple(range(1, square.ndim)), keepdims=True)
        expected = expected - 0.1 * value / (np.sqrt(accumulator) + 1e-8)
    gradients = [tf.constant(value, tf.float32) for value in values]
    actual = steps.run(optimizers.RowWiseAdagrad(0.1, initial_accumulator_value=0.5), start, gradients)
    np.testing.assert_allclose(actual[-1], expected, rtol=1e-5)


def test_values_out_of_range_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"initial_accumulator_value >= 0 and epsilon > 0, but they are -1\.0 and"):
        optimizers.RowWiseAdagrad(initial_accumulator_value=-1.0)
