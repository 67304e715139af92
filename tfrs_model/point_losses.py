"""Point-wise losses: each row is one query, one candidate and the label that says how well they went together."""

import math

import tensorflow as tf


def binary_cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Makes sigmoid(logit) the probability of the label; the loss for the inner product.

        -y log sigmoid(x) - (1 - y) log(1 - sigmoid(x)) = max(x, 0) - x y + log(1 + exp(-|x|))

    The right-hand form neither overflows nor loses small losses. A logit of 2 costs
    .1269 with label 1, 2.1269 with label 0 and .6269 with label .75. With the
    candidates' vectors fixed this is logistic regression on them, a query's vector its weights.

    Args:
      logits: `[batch_size]` float.
      labels: `[batch_size]` in [0, 1], same dtype.

    Returns:
      `[batch_size]`, >= 0.

    Raises:
      ValueError: if logits or labels are no vectors, or of different lengths.
      tf.errors.InvalidArgumentError: if a label is outside [0, 1], or lengths differ in the graph.
    """
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=_checked(labels, logits), logits=logits)


def squared_error(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Pulls a score towards its label.

        (s - y)^2

    A score of .8 costs .04 with label 1 and .64 with label 0.

    Args:
      scores: `[batch_size]` float, cosines or probabilities.
      labels: `[batch_size]` in [0, 1], same dtype.

    Returns:
      `[batch_size]`, >= 0.

    Raises:
      ValueError, tf.errors.InvalidArgumentError: as `binary_cross_entropy`.
    """
    return tf.math.squared_difference(scores, _checked(labels, scores))


def huber(scores: tf.Tensor, labels: tf.Tensor, delta: float) -> tf.Tensor:
    """Pulls a score towards its label, with a force that stops growing at a distance of delta.

        e^2 / 2 where e = |s - y| <= delta, delta (e - delta / 2) beyond

    With delta = .5, a score of .8 costs .02 with label 1, and .5 (.8 - .25) = .275 with label 0.

    Args:
      scores: `[batch_size]` float, cosines or probabilities.
      labels: `[batch_size]` in [0, 1], same dtype.
      delta: where the square turns into a line, > 0.

    Returns:
      `[batch_size]`, >= 0.

    Raises:
      ValueError: if delta is not > 0 and finite; otherwise as `binary_cross_entropy`.
      tf.errors.InvalidArgumentError: as `binary_cross_entropy`.
    """
    if not 0.0 < delta < math.inf:
        raise ValueError(f"delta of the Huber loss must be > 0 and finite, but is {delta}.")
    error = tf.abs(scores - _checked(labels, scores))
    # e^2 / 2 up to delta and a line from there: the part of the error within delta, times what is left.
    within = tf.minimum(error, delta)
    return within * (error - 0.5 * within)


def normalised_squared_error(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Measures squared errors in units of what the labels themselves vary by.

        (s - y)^2 / var(y),    var(y) = mean of (y - mean(y))^2 over the batch

    The mean over the batch is the normalised mean squared error: 1 for a model that
    answers the batch's mean label throughout, whatever the share of positives. Scores
    [.5, .5] with labels [1, 0] cost [1, 1]; scores [.9, .5] cost [.04, 1].

    The unit is that of the batch at hand, so small batches of few positives weigh their
    rows unevenly, and a batch without any spread has no unit: it is refused.

    Args:
      scores: `[batch_size]` float, cosines or probabilities.
      labels: `[batch_size]` in [0, 1], same dtype.

    Returns:
      `[batch_size]`, >= 0.

    Raises:
      ValueError: as `binary_cross_entropy`.
      tf.errors.InvalidArgumentError: if all labels are equal; otherwise as `binary_cross_entropy`.
    """
    checked = _checked(labels, scores)
    variance = tf.math.reduce_variance(checked)
    # Rounding gives equal labels a variance just above 0, and tiny differences one of exactly 0.
    has_spread = (tf.reduce_max(checked) > tf.reduce_min(checked)) & (variance > 0.0)
    message = (
        "The normalised squared error divides by the variance of the batch's labels, which is 0 because they are all "
        "equal; take larger batches, mix positives with negatives, or use the squared error."
    )
    with tf.control_dependencies([tf.debugging.Assert(has_spread, [message, checked])]):
        return tf.math.squared_difference(scores, checked) / variance


def _checked(labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Returns the labels, once they are known to be one for each score and in [0, 1]."""
    scores = tf.convert_to_tensor(scores)
    labels = tf.convert_to_tensor(labels, scores.dtype)
    if not (scores.shape.is_compatible_with([None]) and labels.shape.is_compatible_with(scores.shape)):
        raise ValueError(
            "Point-wise losses take [batch_size] scores and as many labels, but got shapes "
            f"{scores.shape} and {labels.shape}; other shapes would broadcast to pairs that nobody asked for."
        )
    lengths = "Point-wise losses take one label for each score."
    low, high = (f"Labels must be in [0, 1], but one is {side}." for side in ("below 0, or NaN", "above 1"))
    with tf.control_dependencies(
        [
            tf.debugging.assert_equal(tf.shape(scores), tf.shape(labels), message=lengths),
            tf.debugging.assert_greater_equal(labels, tf.zeros([], labels.dtype), message=low),
            tf.debugging.assert_less_equal(labels, tf.ones([], labels.dtype), message=high),
        ]
    ):
        return tf.identity(labels)
