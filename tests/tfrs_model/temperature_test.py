import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import temperature


def test_it_starts_at_its_initial_value_and_the_middle_is_the_geometric_mean():
    layer = temperature.LearnableTemperature(0.07, 0.01, 1.0)
    assert float(layer.value()) == pytest.approx(0.07, rel=1e-5)
    layer.set_weights([np.float32(0.0)])
    assert float(layer.value()) == pytest.approx(0.1, rel=1e-5)


def test_scores_are_divided_by_it():
    layer = temperature.LearnableTemperature(0.5, 0.1, 1.0)
    np.testing.assert_allclose(layer(tf.constant([1.0, -2.0])), [2.0, -4.0], rtol=1e-5)


@pytest.mark.parametrize(("position", "bound"), [(-50.0, 0.01), (50.0, 1.0)])
def test_no_step_carries_it_over_its_bounds(position, bound):
    layer = temperature.LearnableTemperature(0.07, 0.01, 1.0)
    layer.set_weights([np.float32(position)])
    assert float(layer.value()) == pytest.approx(bound, rel=1e-4)


def test_gradients_move_it_to_the_best_value():
    layer = temperature.LearnableTemperature(0.5, 0.01, 1.0)
    optimizer = tf.keras.optimizers.Adam(0.1)
    for _ in range(200):
        with tf.GradientTape() as tape:
            loss = tf.square(tf.math.log(layer.value() / 0.05))
        optimizer.apply_gradients([(tape.gradient(loss, layer.trainable_weights[0]), layer.trainable_weights[0])])
    assert float(layer.value()) == pytest.approx(0.05, rel=0.02)


def test_a_layer_of_its_configuration_starts_alike():
    layer = temperature.LearnableTemperature(0.2, 0.1, 0.3, name="t")
    again = temperature.LearnableTemperature.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert float(again.value()) == float(layer.value())


@pytest.mark.parametrize("values", [(0.07, 0.0, 1.0), (0.01, 0.01, 1.0), (2.0, 0.01, 1.0), (0.5, 0.1, float("inf"))])
def test_bounds_out_of_order_are_refused(values):
    with pytest.raises(ValueError, match="0 < minimum < initial < maximum"):
        temperature.LearnableTemperature(*values)
