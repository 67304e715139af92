import functools

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import point_losses, similarity

_HUBER = functools.partial(point_losses.huber, delta=0.5)
_ALL = [
    point_losses.binary_cross_entropy,
    point_losses.squared_error,
    _HUBER,
    point_losses.normalised_squared_error,
]


def test_cross_entropy_of_a_logit_of_two():
    losses = point_losses.binary_cross_entropy(tf.constant([2.0, 2.0, 2.0]), tf.constant([1.0, 0.0, 0.75]))
    # By hand: ln(1 + e^-2) = .1269; the other label costs the logit more, and .75 a quarter of it.
    np.testing.assert_allclose(losses, [0.1269, 2.1269, 0.6269], atol=1e-4)


def test_cross_entropy_of_huge_logits_is_their_size_or_nothing_and_its_gradient_is_bounded():
    logits = tf.constant([1000.0, 1000.0, -1000.0, -1000.0, 20.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = point_losses.binary_cross_entropy(logits, tf.constant([1.0, 0.0, 1.0, 0.0, 1.0]))
    # By hand: ln(1 + e^-20) is e^-20 = 2.0612e-9, which 1 - sigmoid in float32 would lose.
    np.testing.assert_allclose(losses, [0.0, 1000.0, 1000.0, 0.0, 2.0612e-9], rtol=1e-4)
    np.testing.assert_allclose(tape.gradient(losses, logits), [0.0, 1.0, -1.0, 0.0, -2.0612e-9], atol=1e-7)


def test_squared_error_of_a_score_of_eight_tenths():
    losses = point_losses.squared_error(tf.constant([0.8, 0.8, -1.0]), tf.constant([1.0, 0.0, 0.5]))
    np.testing.assert_allclose(losses, [0.04, 0.64, 2.25], rtol=1e-5)


def test_huber_is_half_a_square_and_then_a_line_of_slope_delta():
    scores = tf.constant([0.8, 0.8, 0.5, -1.0])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        losses = _HUBER(scores, tf.constant([1.0, 0.0, 0.0, 1.0]))
    # By hand: .2^2 / 2; .5 (.8 - .25); .5^2 / 2 at the joint; .5 (2 - .25).
    np.testing.assert_allclose(losses, [0.02, 0.275, 0.125, 0.875], rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(losses, scores), [-0.2, 0.5, 0.5, -0.5], rtol=1e-5)


@pytest.mark.parametrize("delta", [0.0, -1.0, float("inf"), float("nan")])
def test_a_huber_delta_without_a_range_is_refused(delta):
    with pytest.raises(ValueError, match=f"delta of the Huber loss must be > 0 and finite, but is {delta}"):
        point_losses.huber(tf.zeros([1]), tf.zeros([1]), delta)


def test_normalised_error_counts_in_variances_of_the_labels():
    normalised = point_losses.normalised_squared_error
    # By hand: labels 1 and 0 have variance .25.
    np.testing.assert_allclose(normalised(tf.constant([0.5, 0.5]), tf.constant([1.0, 0.0])), [1.0, 1.0])
    np.testing.assert_allclose(normalised(tf.constant([0.9, 0.5]), tf.constant([1.0, 0.0])), [0.04, 1.0], rtol=1e-5)


@pytest.mark.parametrize("num_positives", [1, 50, 99])
def test_answering_the_mean_label_has_a_normalised_error_of_one_whatever_the_mix(num_positives):
    labels = tf.cast(tf.range(100) < num_positives, tf.float32)
    losses = point_losses.normalised_squared_error(tf.fill([100], num_positives / 100), labels)
    assert np.mean(losses) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("labels", [[0.0, 0.0, 0.0], [1.0], [0.1] * 7, [0.0, 1e-30], []])
def test_labels_without_spread_have_no_normalised_error(labels):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels, which is 0 because .* take larger batches"):
        point_losses.normalised_squared_error(tf.zeros([len(labels)]), tf.constant(labels, tf.float32))


@pytest.mark.parametrize("loss", _ALL)
def test_labels_outside_zero_and_one_are_refused_in_a_graph_too(loss):
    compiled = tf.function(loss)
    for function in (loss, compiled):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Labels must be in \[0, 1\], but one is above 1"):
            function(tf.zeros([2]), tf.constant([0.0, 1.5]))
        for label in (-0.5, float("nan")):
            with pytest.raises(tf.errors.InvalidArgumentError, match="but one is below 0, or NaN"):
                function(tf.zeros([2]), tf.constant([label, 1.0]))


@pytest.mark.parametrize("loss", _ALL)
@pytest.mark.parametrize(("scores", "labels"), [([3, 1], [3]), ([3], [3, 1]), ([3], [2]), ([], [])])
def test_shapes_that_would_broadcast_are_refused(loss, scores, labels):
    with pytest.raises(ValueError, match=r"\[batch_size\] scores and as many labels, but got shapes \("):
        loss(tf.zeros(scores), tf.zeros(labels))


@pytest.mark.parametrize("loss", _ALL)
def test_lengths_that_only_the_graph_knows_are_compared_there(loss):
    compiled = tf.function(loss, input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one label for each score"):
        compiled(tf.zeros([1]), tf.constant([0.0, 1.0]))


@pytest.mark.parametrize("loss", _ALL)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_each_row_has_its_own_loss_in_the_dtype_it_came_in(loss, dtype):
    losses = loss(tf.constant([0.3, 0.9, 0.3], dtype), tf.constant([1.0, 0.0, 1.0], dtype))
    assert losses.shape == [3]
    assert losses.dtype == dtype
    assert losses[0] == losses[2] != losses[1]


def test_with_the_candidates_frozen_dot_and_cross_entropy_is_logistic_regression():
    """Each query's vector is trained as its own regression on the vectors of the candidates it was shown."""
    generator = np.random.default_rng(0)
    num_queries, num_candidates, dim = 3, 120, 4
    candidates = generator.normal(size=[num_candidates, dim])
    # A column of ones makes its weight the intercept.
    candidates[:, 0] = 1.0
    truth = generator.normal(size=[num_queries, dim])
    pairs = np.array([(query, candidate) for query in range(num_queries) for candidate in range(num_candidates)])
    logits = np.sum(truth[pairs[:, 0]] * candidates[pairs[:, 1]], axis=1)
    labels = (generator.random(len(pairs)) < 1.0 / (1.0 + np.exp(-logits))).astype(float)

    trained = _train_queries(np.zeros([num_queries, dim]), candidates, pairs, labels)
    for query in range(num_queries):
        of_query = pairs[:, 0] == query
        expected = _maximum_likelihood(candidates[pairs[of_query, 1]], labels[of_query])
        np.testing.assert_allclose(trained[query], expected, rtol=1e-8)
        # Far from where training began, and from the truth, by the noise of 120 labels: it is the estimate that is met.
        assert 0.01 < np.linalg.norm(expected - truth[query]) < 2.0 < 4.0 * np.linalg.norm(expected)


def test_against_one_frozen_candidate_the_query_learns_the_log_odds_of_its_own_rate():
    pairs = np.array([(0, 0)] * 4 + [(1, 0)] * 5)
    labels = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0], float)
    # By hand: three of four liked, ln(3 / 1); one of five, ln(1 / 4); the candidate's vector is 2, which halves them.
    trained = _train_queries(np.zeros([2, 1]), np.array([[2.0]]), pairs, labels)
    np.testing.assert_allclose(trained[:, 0], [0.5 * np.log(3.0), -0.5 * np.log(4.0)], rtol=1e-8)


def _train_queries(initial, candidates, pairs, labels):
    """Minimises the product's loss over the query vectors alone, by plain gradient steps with momentum."""
    queries = tf.Variable(initial)
    optimizer = tf.keras.optimizers.SGD(0.3, momentum=0.9)
    optimizer.build([queries])

    @tf.function
    def fit():
        for _ in tf.range(1500):
            with tf.GradientTape() as tape:
                scores = similarity.score_pairs(
                    tf.gather(queries, pairs[:, 0]), tf.gather(candidates, pairs[:, 1]), "dot"
                )
                loss = tf.reduce_mean(point_losses.binary_cross_entropy(scores, labels))
            optimizer.apply_gradients([(tape.gradient(loss, queries), queries)])

    fit()
    return queries.numpy()


def _maximum_likelihood(features, labels):
    """Newton's method on the likelihood, which is iteratively reweighted least squares."""
    weights = np.zeros(features.shape[1])
    for _ in range(30):
        probability = 1.0 / (1.0 + np.exp(-features @ weights))
        curvature = features.T @ (features * (probability * (1.0 - probability))[:, np.newaxis])
        weights += np.linalg.solve(curvature, features.T @ (labels - probability))
    return weights
