"""Corrections that stand between the scores of a batch and its loss, as pure functions."""

import numpy as np
import tensorflow as tf

# Large enough to leave no softmax mass, small enough that differences stay finite.
MASKED_LOGIT = float(np.finfo(np.float32).min) / 100.0


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


def mask_accidental_hits(logits: tf.Tensor, labels: tf.Tensor, candidate_ids: tf.Tensor) -> tf.Tensor:
    """Takes the softmax mass from negatives that are the row's own positive under another column.

    Args:
      logits: `[num_queries, num_candidates]` float32.
      labels: `[num_queries, num_candidates]` float32, one-hot.
      candidate_ids: `[num_candidates]`, any dtype that compares.

    Returns:
      The logits, with `MASKED_LOGIT` where a negative has the positive's id.
    """
    positive_ids = tf.gather(candidate_ids, tf.argmax(labels, axis=1))
    same_id = tf.equal(positive_ids[:, tf.newaxis], candidate_ids[tf.newaxis, :])
    return tf.where(same_id & (labels == 0.0), MASKED_LOGIT, logits)


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
