import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import history

_VECTORS = {"a": [1.0, 2.0], "b": [3.0, 4.0], "": [0.0, 0.0]}


def test_the_states_are_the_means_so_far():
    values = ["", "a", "b", "", "a"]
    embeddings = tf.constant([[_VECTORS[value] for value in values]])
    states = history.Mean(2)(embeddings, tf.constant([[value != "" for value in values]]))
    # By hand.
    expected = [[0, 0], [0, 0], [1, 2], [2, 3], [2, 3], [5 / 3, 8 / 3]]
    np.testing.assert_allclose(states[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "", ""], [2.0, 3.0]),
        (["", "", "b", "a"], [2.0, 3.0]),
        (["a", "", "b", ""], [2.0, 3.0]),
        (["a", "a", "b", ""], [5 / 3, 8 / 3]),
        (["b", "", "", ""], [3.0, 4.0]),
        (["", "", "", ""], [0.0, 0.0]),
        ([], [0.0, 0.0]),
    ],
)
def test_the_mean_is_over_present_values_wherever_the_filling_stands(values, expected):
    embeddings = tf.constant([_VECTORS[value] for value in values], tf.float32, shape=[1, len(values), 2])
    present = tf.constant([value != "" for value in values], tf.bool, shape=[1, len(values)])
    np.testing.assert_allclose(history.Mean(2).last_state(embeddings, present), [expected], rtol=1e-6)
