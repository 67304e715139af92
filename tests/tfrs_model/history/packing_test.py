import numpy as np
import tensorflow as tf

from tfrs_model.history import packing


def test_what_is_present_moves_to_the_front_in_its_order_and_back():
    embeddings = tf.constant([[[1.0], [0.0], [2.0], [0.0]], [[0.0], [0.0], [0.0], [3.0]]])
    present = tf.constant([[True, False, True, False], [False, False, False, True]])
    packed = packing.pack(embeddings, present, tf.constant([[10, 11, 12, 13], [20, 21, 22, 23]], tf.int64))
    np.testing.assert_array_equal(packed.embeddings[..., 0], [[1.0, 2.0], [3.0, 0.0]])
    assert packed.timestamps.numpy()[0].tolist() == [10, 12]
    assert packed.timestamps.numpy()[1, 0] == 23
    np.testing.assert_array_equal(packed.num_present, [[0, 1, 1, 2, 2], [0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(packed.last_positions, [1, 0])
    outputs = tf.constant([[[5.0], [6.0]], [[7.0], [8.0]]])
    np.testing.assert_array_equal(packed.states(outputs)[..., 0], [[0, 5, 5, 6, 6], [0, 0, 0, 0, 7]])
    np.testing.assert_array_equal(packed.last_state(outputs)[..., 0], [6, 7])


def test_rows_that_are_all_empty_pack_to_nothing():
    packed = packing.pack(tf.zeros([2, 3, 1]), tf.zeros([2, 3], tf.bool))
    assert packed.embeddings.shape == (2, 0, 1)
    np.testing.assert_array_equal(packed.states(packed.embeddings), np.zeros([2, 4, 1]))
    np.testing.assert_array_equal(packed.last_state(packed.embeddings), np.zeros([2, 1]))
