import numpy as np
import pytest
import tensorflow as tf

from benchmarks import contradiction_arms, contradiction_log
from tests.benchmarks.contradiction_log_test import quadruple

_TRAINING = contradiction_arms.TrainingSizes(embedding_dim=4, num_steps=300, learning_rate=0.02)


def _share_left(log, arm, sizes):
    trained = contradiction_arms.train(log, contradiction_arms.ARMS[arm], sizes, 0)
    rates = [contradiction_log.click_through_rate(log, side) for side in ("query", "candidate")]
    return trained.loss / min(contradiction_arms.ARMS[arm].loss_of_prediction(each, log.labels) for each in rates)


@pytest.mark.parametrize("name", contradiction_arms.ARMS)
def test_the_loss_of_a_prediction_is_the_loss_of_the_score_behind_it(name):
    arm = contradiction_arms.ARMS[name]
    scores, labels = np.array([0.9, 0.2, -0.3, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])
    predictions = 1.0 / (1.0 + np.exp(-scores)) if arm.has_sigmoid else scores
    expected = np.mean(arm.loss(tf.constant(scores), tf.constant(labels)))
    assert arm.loss_of_prediction(predictions, labels) == pytest.approx(expected)


def test_cross_entropy_of_a_rate_that_is_always_right_is_nothing():
    arm = contradiction_arms.ARMS["dot_cross_entropy"]
    # By hand: two rows of .5 at ln 2, two rows of certainty.
    assert arm.loss_of_prediction(np.array([0.5, 1.0, 0.0, 0.5]), np.array([1, 1, 0, 0])) == pytest.approx(
        np.log(2) / 2
    )


def test_a_single_contradiction_bends_four_vectors_round_and_no_further():
    trained = contradiction_arms.train(quadruple(), contradiction_arms.ARMS["cosine_squared"], _TRAINING, 0)
    # Independently: u1, p1, u2, p2 at equal angles, of which the last pair takes three.
    angles = np.linspace(0.0, np.pi / 3, 100_001)
    best = np.min(3 * (1 - np.cos(angles)) ** 2 + np.cos(3 * angles) ** 2) / 4
    assert best == pytest.approx(0.0125, abs=1e-4)
    assert trained.loss == pytest.approx(best, rel=1e-3)


def test_a_product_fits_a_single_contradiction():
    trained = contradiction_arms.train(quadruple(), contradiction_arms.ARMS["dot_cross_entropy"], _TRAINING, 0)
    np.testing.assert_allclose(trained.predictions, [1, 1, 1, 0], atol=0.05)
    # The predictions are those of the vectors that come with them.
    scores = trained.query_embeddings @ trained.candidate_embeddings.T
    np.testing.assert_allclose(trained.predictions, 1 / (1 + np.exp(-scores[[0, 1, 1, 0], [0, 0, 1, 1]])), rtol=1e-4)


def test_among_many_contradictions_a_cosine_stays_by_the_rates_and_a_product_does_not():
    log = contradiction_log.draw_log(contradiction_log.LogSizes(96, 96, 96), 0)
    sizes = contradiction_arms.TrainingSizes(embedding_dim=48, num_steps=200, learning_rate=0.02)
    assert _share_left(log, "cosine_squared", sizes) > 0.6
    assert _share_left(log, "dot_cross_entropy", sizes) < 0.1


def test_training_twice_gives_the_same_bits():
    tf.config.experimental.enable_op_determinism()
    log = contradiction_log.draw_log(contradiction_log.LogSizes(6, 6, 4), 0)
    sizes = contradiction_arms.TrainingSizes(4, 5)
    first, second = (
        contradiction_arms.train(log, contradiction_arms.ARMS["cosine_huber"], sizes, 1).query_embeddings.tobytes()
        for _ in range(2)
    )
    assert first == second


def test_predictions_made_of_the_rates_are_explained_by_them_and_others_are_not():
    log = contradiction_log.draw_log(contradiction_log.LogSizes(60, 60, 60), 0)
    rates = [contradiction_log.click_through_rate(log, side) for side in ("query", "candidate")]
    assert contradiction_arms.explained_by_rates(2 * rates[0] - rates[1] + 3, log) == pytest.approx(1.0)
    noise = np.random.default_rng(0).normal(size=len(log.labels))
    assert 0.0 <= contradiction_arms.explained_by_rates(noise, log) < 0.01
