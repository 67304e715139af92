import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import dropout

_ONES = np.ones([64, 8], np.float32)


def _layer(rate=0.5, seed=3, name="thin"):
    return dropout.StatelessDropout(rate, seed, name=name)


def test_outside_training_nothing_is_dropped_and_no_call_is_counted():
    layer = _layer()
    for training in (None, False):
        np.testing.assert_array_equal(layer(_ONES, training=training), _ONES)
    # The first training mask is that of a layer that was never called before.
    np.testing.assert_array_equal(layer(_ONES, training=True), _layer()(_ONES, training=True))


def test_a_rate_of_zero_keeps_everything_in_training():
    np.testing.assert_array_equal(_layer(rate=0.0)(_ONES, training=True), _ONES)


def test_what_is_kept_is_divided_by_the_share_that_is_kept():
    thinned = _layer(rate=0.2)(_ONES, training=True).numpy()
    # By hand: 1 / (1 - 0.2) = 1.25.
    assert set(np.unique(thinned)) == {0.0, 1.25}


def test_the_dropped_share_is_the_rate_and_the_expectation_is_the_input():
    thinned = _layer(rate=0.3)(np.ones([400, 250], np.float32), training=True).numpy()
    # Five deviations of a mean of 100,000 draws: 5 * sqrt(0.3 * 0.7 / 100000) = 0.0072; divided by 0.7, 0.0104.
    assert abs(np.mean(thinned == 0.0) - 0.3) < 0.0072
    assert abs(thinned.mean() - 1.0) < 0.0104


def test_masks_differ_between_calls_seeds_and_names():
    layer = _layer()
    masks = [layer(_ONES, training=True), layer(_ONES, training=True)]
    masks += [_layer(seed=4)(_ONES, training=True), _layer(name="other")(_ONES, training=True)]
    assert len({mask.numpy().tobytes() for mask in masks}) == 4


def test_the_mask_of_a_call_is_repeated_after_a_restore_and_by_a_graph(tmp_path):
    layer = _layer()
    for _ in range(3):
        layer(_ONES, training=True)
    path = tf.train.Checkpoint(layer=layer).save(tmp_path / "checkpoint")
    undisturbed = [layer(_ONES, training=True).numpy() for _ in range(2)]

    resumed = _layer()
    tf.train.Checkpoint(layer=resumed).restore(path).assert_consumed()
    in_graph = tf.function(lambda inputs: resumed(inputs, training=True))
    for expected in undisturbed:
        np.testing.assert_array_equal(in_graph(_ONES), expected)


def test_a_gradient_flows_only_through_what_was_kept():
    inputs = tf.constant(_ONES)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        thinned = _layer(rate=0.2)(inputs, training=True)
    np.testing.assert_array_equal(tape.gradient(thinned, inputs), thinned)


def test_a_layer_made_from_the_config_draws_the_same_masks():
    layer = _layer(rate=0.4, seed=11)
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    np.testing.assert_array_equal(copy(_ONES, training=True), layer(_ONES, training=True))


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match=rf"Dropout rate must be in \[0, 1\), but is {rate}\."):
        dropout.StatelessDropout(rate, name="dropout")
