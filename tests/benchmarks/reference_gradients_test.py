import numpy as np
import pytest

from benchmarks import reference_gradients
from tfrs_model import batch_loss, column_masks, objectives  # Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip

_STEP = 1e-6


def _slopes(loss, logits):
    """Returns the derivative of a loss of one row by each logit, by central differences."""
    return [(loss(logits + _STEP * unit) - loss(logits - _STEP * unit)) / (2 * _STEP) for unit in np.eye(logits.size)]


def test_the_softmax_of_two_equal_logits_pulls_and_pushes_by_a_half():
    gradient = reference_gradients.softmax_gradient(np.zeros([2, 2]), None, np.zeros([2, 2], bool))
    np.testing.assert_allclose(gradient, [[-0.5, 0.5], [0.5, -0.5]])


def test_expected_counts_weigh_columns_by_their_inverse():
    gradient = reference_gradients.softmax_gradient(np.zeros([1, 2]), np.array([2.0, 0.5]), np.zeros([1, 2], bool))
    # By hand: weights 1/2 and 2, so the positive has 1/5 and the negative 4/5.
    np.testing.assert_allclose(gradient, [[-0.8, 0.8]])


def test_a_masked_column_has_no_gradient():
    is_masked = np.array([[False, True, False]])
    gradient = reference_gradients.softmax_gradient(np.zeros([1, 3]), None, is_masked)
    np.testing.assert_allclose(gradient, [[-0.5, 0.0, 0.5]])


def test_the_corrected_gradient_is_the_slope_of_the_corrected_loss():
    logits, probability = np.array([0.3, -1.0, 2.0, 0.7]), np.array([0.2, 0.05, 0.1, 0.2])
    is_hit = np.array([True, False, False, True])
    q = probability / (1.0 - probability[0])
    rest = np.mean(np.exp(logits[1:3]) / q[1:3])
    weight = 1.0 - np.exp(logits[0]) / (np.exp(logits[0]) + rest)

    def loss(values):
        return -weight * np.log(np.exp(values[0]) / np.sum(np.exp(values[1:3]) / q[1:3]))

    gradient = reference_gradients.corrected_gradient(logits[np.newaxis], probability, is_hit[np.newaxis])
    np.testing.assert_allclose(gradient[0], _slopes(loss, logits), atol=1e-7)


def test_with_every_other_candidate_drawn_as_often_as_it_is_probable_the_corrected_gradient_is_the_full_softmax():
    # Candidates 1 and 2 have Q 1/4 and 1/2: drawn once and twice, they stand for all that are not the positive.
    f = np.array([0.5, -0.3, 1.1])
    columns = np.array([0, 1, 2, 2])
    probability = np.array([0.25, 0.25, 0.5])[columns]
    gradient = reference_gradients.corrected_gradient(f[columns][np.newaxis], probability, (columns == 0)[np.newaxis])
    softmax = np.exp(f) / np.exp(f).sum()
    np.testing.assert_allclose(np.bincount(columns, gradient[0]), softmax - [1.0, 0.0, 0.0], rtol=1e-12)


def test_a_row_whose_draws_are_all_its_positive_has_no_gradient():
    gradient = reference_gradients.corrected_gradient(np.zeros([1, 2]), np.array([0.5, 0.5]), np.ones([1, 2], bool))
    np.testing.assert_array_equal(gradient, [[0.0, 0.0]])


@pytest.mark.parametrize("objective", ["softmax", "corrected"])
def test_the_products_loss_has_these_derivatives(objective):
    generator = np.random.default_rng(4)
    queries, embeddings = generator.normal(size=[12, 5]), generator.normal(size=[20, 5])
    keys = generator.integers(0, 8, 20)
    probability = generator.random(20) * 0.3 + 0.01
    is_hit = keys[:12, np.newaxis] == keys[np.newaxis, :]
    logits = queries @ embeddings.T
    if objective == "softmax":
        expected = reference_gradients.softmax_gradient(logits, probability, is_hit & ~np.eye(12, 20, dtype=bool))
    else:
        expected = reference_gradients.corrected_gradient(logits, probability, is_hit)
    log_q = tf.constant(np.log(probability), tf.float32)
    columns = batch_loss.Columns(
        tf.constant(embeddings, tf.float32),
        tf.constant(0),
        tf.constant(12),
        log_q,
        tf.math.log1p(-tf.exp(log_q[:12])),
        column_masks.mask_columns(tf.constant(keys), tf.constant(keys[:12, np.newaxis])),
    )
    ours = {"softmax": objectives.Softmax, "corrected": objectives.CorrectedSoftmax}[objective]()
    watched = tf.constant(queries, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([watched, columns.embeddings])
        loss = batch_loss.batch_loss(watched, columns, tf.ones([12]), ours).loss
    of_queries, of_embeddings = tape.gradient(loss, [watched, columns.embeddings])
    np.testing.assert_allclose(of_queries, expected @ embeddings, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_embeddings, expected.T @ queries, rtol=1e-4, atol=1e-5)
