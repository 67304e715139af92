"""Pair-wise losses: a positive should score higher than each of its negatives."""

import tensorflow as tf


def bayesian_personalised_ranking(
    positive_logits: tf.Tensor, negative_logits: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Makes sigmoid(positive - negative) the probability that the positive is preferred.

        mean over the row's kept negatives of -log sigmoid(positive - negative)

    (Rendle et al., UAI 2009, sec. 4.1, without the regulariser.) A positive of 1 beside
    negatives of 0 and 3 costs (.3133 + 2.1269) / 2 = 1.2201; with only the first kept, .3133.

    Args:
      positive_logits: `[batch_size]` float.
      negative_logits: `[batch_size, num_negatives]`, same dtype.
      mask: `[batch_size, num_negatives]` bool, false leaves a negative out, whatever its
        logit; `None` keeps all. A negative is left out of the mean, not counted as easy.

    Returns:
      `[batch_size]`, >= 0; 0, without a gradient, where no negative is kept.

    Raises:
      ValueError: if the shapes are not those above.
      tf.errors.InvalidArgumentError: likewise, where shapes are known in the graph only.
    """
    positives, negatives = tf.convert_to_tensor(positive_logits), tf.convert_to_tensor(negative_logits)
    kept = tf.ones_like(negatives, tf.bool) if mask is None else tf.convert_to_tensor(mask)
    _require_shapes(positives, negatives, kept)
    rows = "Pair-wise losses take a row of negatives for each positive."
    masks = "Pair-wise losses take a mask that is true or false for each negative."
    with tf.control_dependencies(
        [
            tf.debugging.assert_equal(tf.shape(positives)[0], tf.shape(negatives)[0], message=rows),
            tf.debugging.assert_equal(tf.shape(kept), tf.shape(negatives), message=masks),
        ]
    ):
        # Masked before the softplus, so that an infinite logit leaves no NaN in the gradient.
        excess = tf.where(kept, negatives - positives[:, tf.newaxis], tf.zeros_like(negatives))
    weights = tf.cast(kept, negatives.dtype)
    return tf.math.divide_no_nan(
        tf.reduce_sum(weights * tf.math.softplus(excess), axis=1), tf.reduce_sum(weights, axis=1)
    )


def _require_shapes(positives: tf.Tensor, negatives: tf.Tensor, mask: tf.Tensor) -> None:
    fits = positives.shape.is_compatible_with([None]) and negatives.shape.is_compatible_with([None, None])
    if not (fits and mask.shape.is_compatible_with(negatives.shape)):
        raise ValueError(
            "Pair-wise losses take [batch_size] positives and [batch_size, num_negatives] negatives and mask, but got "
            f"shapes {positives.shape}, {negatives.shape} and {mask.shape}."
        )
