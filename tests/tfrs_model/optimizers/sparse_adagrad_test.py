import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.optimizers import steps
from tfrs_model import optimizers


def test_two_steps_with_a_repeated_row_follow_the_numbers_by_hand():
    first = steps.of_rows([1, 1, 3], [[1.0, 0.0], [1.0, 3.0], [0.0, 1.0]])
    second = steps.of_rows([1], [[2.0, 4.0]])
    optimizer = optimizers.SparseAdagrad(1.0, initial_accumulator_value=0.0, epsilon=1e-12)
    after_one, after_two = steps.run(optimizer, np.zeros([4, 2]), [first, second])
    # The sum [2, 3] is divided by its own root mean; the squares of the parts would give 2 / sqrt(2) = 1.41.
    np.testing.assert_allclose(after_one, [[0, 0], [-1.0, -1.0], [0, 0], [0, -1.0]], atol=1e-5)
    # Then 2 / sqrt(4 + 4) = .7071 and 4 / sqrt(9 + 16) = .8.
    np.testing.assert_allclose(after_two[1], [-1.7071, -1.8], atol=1e-4)


@pytest.mark.parametrize("dense", [True, False])
def test_on_either_kind_of_gradient_it_has_the_bits_of_stock_adagrad(dense):
    gradients = [tf.random.stateless_normal([4, 3], [0, step]) for step in range(5)]
    if not dense:
        gradients = [steps.of_rows([2, 0, 2, 1], each) for each in gradients]
    expected = steps.run(tf.keras.optimizers.Adagrad(0.1), np.ones([4, 3]), gradients)
    np.testing.assert_array_equal(steps.run(optimizers.SparseAdagrad(0.1), np.ones([4, 3]), gradients), expected)


def test_a_gradient_of_rows_moves_as_the_same_gradient_written_densely():
    rows = [steps.of_rows([0, 2, 0], np.random.default_rng(seed).normal(size=[3, 2])) for seed in range(4)]
    dense = [steps.as_dense(gradient) for gradient in rows]
    actual = steps.run(optimizers.SparseAdagrad(0.1), np.ones([4, 2]), rows)
    np.testing.assert_allclose(actual, steps.run(optimizers.SparseAdagrad(0.1), np.ones([4, 2]), dense), rtol=1e-6)


def test_values_out_of_range_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match=r"initial_accumulator_value >= 0 and epsilon > 0, but they are 0\.1 and 0\.0"):
        optimizers.SparseAdagrad(epsilon=0.0)
