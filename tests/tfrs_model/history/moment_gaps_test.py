import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import history

_HOUR = 3_600_000_000
_MISSING = -1


def _with_weights(weights):
    layer = history.MomentGaps(weights.shape[1], name="gaps")
    layer.set_weights([weights])
    return layer


def _levels(moments, timestamps, present):
    """The bits that the layer weighs: with an identity for weights it answers with them."""
    layer = _with_weights(np.eye(70, dtype=np.float32))
    bits = layer(
        tf.constant(moments, tf.int64), tf.constant(timestamps, tf.int64), tf.constant(present, tf.bool)
    ).numpy()
    return bits[:, :29], bits[:, 29:58], bits[:, 58:69], bits[:, 69]


def test_each_gap_and_the_count_reach_the_powers_of_two_below_them():
    since_last, since_oldest, count, unknown = _levels(
        [10 * _HOUR], [[2 * _HOUR, _MISSING, 7 * _HOUR, 5 * _HOUR]], [[True, False, True, True]]
    )
    # 3 hours are 1.08e10 microseconds, between 2^33 and 2^34; 8 hours 2.88e10, between 2^34 and 2^35.
    assert (since_last.sum(), since_oldest.sum()) == (14, 15)
    assert since_last[0].tolist() == [1.0] * 14 + [0.0] * 15
    # Three are 2^0 and 2^1, not 2^2.
    assert count[0].tolist() == [1.0, 1.0] + [0.0] * 9
    assert unknown == [0.0]


@pytest.mark.parametrize(
    ("moment", "timestamps", "present", "num_shown"),
    [
        (_MISSING, [1, 2], [True, True], 2),
        (5, [_MISSING, _MISSING], [True, True], 2),
        (5, [_MISSING, _MISSING], [False, False], 0),
        (5, [], [], 0),
    ],
)
def test_without_a_moment_or_known_choices_the_gaps_are_unknown(moment, timestamps, present, num_shown):
    since_last, since_oldest, count, unknown = _levels([moment], [timestamps], [present])
    assert not since_last.any()
    assert not since_oldest.any()
    assert count.sum() == num_shown.bit_length()
    assert unknown == [1.0]


def test_choices_whose_moments_are_unknown_count_but_make_no_gap():
    since_last, _, count, unknown = _levels([2 * _HOUR], [[_HOUR, _MISSING]], [[True, True]])
    assert (since_last.sum(), count.sum(), unknown) == (12, 2, [0.0])


def test_a_history_that_ends_after_the_moment_reads_as_one_that_ends_with_it():
    since_last, since_oldest, _, _ = _levels([_HOUR], [[2 * _HOUR, 0]], [[True, True]])
    assert (since_last.sum(), since_oldest.sum()) == (0, 12)


def test_a_gap_longer_than_any_in_training_reads_as_the_longest_that_was_there():
    layer = history.MomentGaps(2, name="gaps")
    optimizer = tf.keras.optimizers.SGD(0.1)
    trained = (tf.constant([2**30, 2**35], tf.int64), tf.zeros([2, 1], tf.int64), tf.ones([2, 1], tf.bool))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(*trained) * tf.constant([[1.0, 2.0], [3.0, -1.0]]))
    optimizer.apply_gradients([(tape.gradient(loss, layer.trainable_variables[0]), layer.trainable_variables[0])])
    longest, longer = (layer(tf.constant([2**e], tf.int64), tf.zeros([1, 1], tf.int64), [[True]]) for e in (35, 47))
    np.testing.assert_array_equal(longest, longer)
    assert np.abs(longest).min() > 0.1


def test_it_starts_at_zero_and_comes_back_from_its_configuration():
    layer = history.MomentGaps(3, name="gaps")
    inputs = (tf.constant([5], tf.int64), tf.constant([[1]], tf.int64), [[True]])
    np.testing.assert_array_equal(layer(*inputs), np.zeros([1, 3]))
    assert history.MomentGaps.from_config(layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(ValueError, match="embedding_dim must be >= 1, but is 0"):
        history.MomentGaps(0)
