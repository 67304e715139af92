"""Corrections that stand between the scores of a batch and its loss, as pure functions."""

import numpy as np
import tensorflow as tf

from tfrs_model import column_masks


def correct_logits(logits: tf.Tensor, log_q: tf.Tensor) -> tf.Tensor:
    """Removes the popularity bias that in-batch negatives put into logits.

    A popular candidate is drawn as a negative more often than a rare one, so an
    uncorrected softmax learns to push it down (Yi et al., RecSys 2019, sec. 3).
    Every column is corrected, the positive's included:

        corrected[i, j] = logits[i, j] - log_q[j]

    With Q = [0.5, 0.005] and logits of 0 the result is [0.693, 5.298]. A factor
    common to all Q cancels in the softmax, so expected counts serve as well.

    Args:
      logits: `[num_queries, num_candidates]` float32, already divided by the temperature.
      log_q: `[num_candidates]` float32, natural log of the sampling probability.

    Returns:
      `[num_queries, num_candidates]` float32.
    """
    return logits - log_q[tf.newaxis, :]


def mask_columns(logits: tf.Tensor, labels: tf.Tensor, mask: column_masks.ColumnMask) -> tf.Tensor:
    """Takes the softmax mass from columns that are no negatives of a row, such as its own positive once more.

    Args:
      logits: `[num_queries, num_candidates]` float32.
      labels: `[num_queries, num_candidates]` float32, one-hot; a positive keeps its logit.
      mask: what to leave out.

    Returns:
      The logits, with `MASKED_LOGIT` where the mask says so.
    """
    positions = mask.positions(0, tf.shape(logits)[0])
    values = tf.fill(tf.shape(positions)[:1], column_masks.MASKED_LOGIT)
    masked = tf.tensor_scatter_nd_update(logits, positions, values)
    is_frequent = tf.matmul(mask.of_rows, mask.of_columns, transpose_b=True) < 0.0
    return tf.where((labels == 0.0) & is_frequent, column_masks.MASKED_LOGIT, tf.where(labels == 0.0, masked, logits))


def keep_hard_negatives(logits: tf.Tensor, labels: tf.Tensor, num_hard_negatives: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Keeps each row's positive and its highest negatives.

    Args:
      logits: `[num_queries, num_candidates]` float32, corrected and masked: picked on raw
        scores the popular negatives would crowd out the hard ones.
      labels: `[num_queries, num_candidates]` float32, one-hot.
      num_hard_negatives: negatives to keep; all of them if there are no more.

    Returns:
      Logits and labels, `[num_queries, kept]`, in no particular column order.
    """
    kept = tf.minimum(num_hard_negatives + 1, tf.shape(logits)[1])
    positive_first = tf.where(labels > 0.0, float(np.finfo(np.float32).max), logits)
    _, columns = tf.math.top_k(positive_first, k=kept, sorted=False)
    return tf.gather(logits, columns, batch_dims=1), tf.gather(labels, columns, batch_dims=1)
