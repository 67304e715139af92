import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import history


def test_the_states_are_weighted_by_the_choices_in_between():
    encoder = history.RecencyWeightedMean(1, half_life=1.0)
    states = encoder(tf.constant([[[1.0], [0.0], [4.0], [0.0]]]), tf.constant([[True, False, True, False]]))
    # By hand, with decay 1/2: (1/2 * 1 + 4) / (1/2 + 1) = 3; what is absent ages nothing.
    np.testing.assert_allclose(states[0, :, 0], [0, 1, 1, 3, 3], rtol=1e-6)


def test_a_loop_of_its_own_gives_the_same():
    generator = np.random.default_rng(0)
    present = generator.random([4, 30]) < 0.6
    embeddings = generator.normal(size=[4, 30, 3]) * present[..., np.newaxis]
    states = history.RecencyWeightedMean(3)(embeddings.astype(np.float32), present).numpy()
    decay = 0.5**0.2
    for row in range(4):
        total, weight = np.zeros(3), 0.0
        for n in range(30):
            if present[row, n]:
                total, weight = decay * total + embeddings[row, n], decay * weight + 1.0
            np.testing.assert_allclose(states[row, n + 1], total / max(weight, 1.0), atol=1e-6)


def test_a_weight_halves_every_five_choices_at_first_and_all_of_them_sum_to_seven_point_seven():
    decay = history.RecencyWeightedMean(1).decay.numpy()
    assert decay**5 == pytest.approx(0.5, rel=1e-6)
    assert 1.0 / (1.0 - decay) == pytest.approx(7.7, abs=0.05)


def test_training_moves_the_decay_to_where_the_data_has_it():
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=[256, 12, 2]).astype(np.float32)
    present = np.ones([256, 12], bool)
    # What is wanted is the last choice alone: decay 0.
    encoder, optimizer = history.RecencyWeightedMean(2), tf.keras.optimizers.Adam(0.1)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(encoder.last_state(embeddings, present) - embeddings[:, -1]))
        optimizer.apply_gradients(zip(tape.gradient(loss, encoder.weights), encoder.weights, strict=True))
    assert 0.0 < encoder.decay.numpy() < 0.1


def test_the_smallest_decay_keeps_states_and_gradients_finite():
    encoder = history.RecencyWeightedMean(1)
    encoder.weights[0].assign(-80.0)
    with tf.GradientTape() as tape:
        states = encoder(tf.ones([1, 300, 1]), tf.ones([1, 300], tf.bool))
    np.testing.assert_allclose(states[0, 1:], np.ones([300, 1]))
    assert np.isfinite(tape.gradient(states, encoder.weights[0]))


@pytest.mark.parametrize("half_life", [0.0, -1.0, float("inf"), float("nan")])
def test_a_half_life_out_of_range_is_refused_with_a_sentence(half_life):
    with pytest.raises(
        ValueError, match=rf"recent: half_life must be > 0 and finite, but is {half_life}; use the mean"
    ):
        history.RecencyWeightedMean(4, half_life, name="recent")
