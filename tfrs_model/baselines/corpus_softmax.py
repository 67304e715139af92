"""The softmax over the whole corpus, and its estimate from a sample where the corpus is large."""

import math

import numpy as np
import tensorflow as tf

from tfrs_model import call_counter, column_masks, replicas, seeds


class CorpusSoftmax(tf.keras.layers.Layer):
    """Turns queries and the rows of their positives into a loss against every candidate.

        loss = mean over rows of weight * -log(exp(s_positive / t) / sum over candidates j of exp(s_j / t))

    With scores [1, 0, 0], the first one the positive, and t = 1 a row costs log(e + 2) - 1 = .5514.

    With `num_sampled` = m the sum is estimated from the positive, which is there for certain, and m draws j with
    replacement, each logit of which is less log(m q_j); a draw of a row's own positive does not count. Then the sum
    that is expected is that over all candidates (Bengio and Senecal, IEEE Transactions on Neural Networks 2008; Blanc
    and Rendle, ICML 2018, sec. 2.2). q_j is in proportion to one more than how often j was chosen. Draws are a
    function of (seed, step), and all rows share them.

    Memory of a step: `batch_size * num_candidates` float32 logits and as many gradients, or `num_sampled` of each.

    Args:
      counts: `[num_candidates]` interactions of training.
      temperature: t, > 0.
      num_sampled: draws of a step, >= 1; `None` is the softmax itself.
      seed: of the draws.
      name: of the layer.

    Raises:
      ValueError: if a parameter is out of its range.
    """

    # As of the other tasks: nothing is estimated from the stream.
    streaming_frequency = None

    def __init__(
        self,
        counts: np.ndarray,
        temperature: float = 1.0,
        num_sampled: int | None = None,
        seed: int = 0,
        name: str = "corpus_softmax",
    ):
        super().__init__(name=name)
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be > 0 and finite, but is {temperature}.")
        if num_sampled is not None and num_sampled < 1:
            raise ValueError(f"num_sampled must be >= 1, or None for all candidates, but is {num_sampled}.")
        self._temperature = temperature
        self._num_sampled = num_sampled
        if num_sampled is None:
            return
        smoothed = counts.astype(np.float64) + 1.0
        self._probability = tf.constant(smoothed / smoothed.sum(), tf.float32)
        # The last bound is 1 exactly, above every draw.
        self._bounds = tf.constant(np.cumsum(smoothed) / np.cumsum(smoothed)[-1])
        self._stream = seeds.derive_seed(seed, "baselines/corpus_softmax")
        self._step = call_counter.add_call_counter(self, "step")

    def call(
        self,
        queries: tf.Tensor,
        matrix: tf.Tensor,
        positive_rows: tf.Tensor,
        sample_weight: tf.Tensor,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns the mean loss over the rows of all replicas; of several replicas each returns its share.

        Args:
          queries: `[num_rows, embedding_dim]`.
          matrix: `[num_candidates, embedding_dim]`.
          positive_rows: `[num_rows]` int64 in [0, num_candidates).
          sample_weight: `[num_rows]`.
          training: whether the sum is sampled where it may be, and the next step draws anew.
        """
        queries = queries / self._temperature
        if self._num_sampled is None or not training:
            logits = tf.matmul(queries, matrix, transpose_b=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(positive_rows, logits)
        else:
            losses = self._sampled(queries, matrix, positive_rows)
        everyone = replicas.replicas_of(tf.shape(losses)[0])
        return tf.reduce_sum(losses * sample_weight) / tf.cast(everyone.num_rows, tf.float32)

    def draw(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns `[num_sampled]` int64 rows, a function of (seed, step)."""
        seed = tf.stack([tf.constant(self._stream, tf.int64), tf.cast(step, tf.int64)])
        uniform = tf.random.stateless_uniform([self._num_sampled], seed, dtype=tf.float64)
        return tf.searchsorted(self._bounds, uniform, side="right", out_type=tf.int64)

    def _sampled(self, queries: tf.Tensor, matrix: tf.Tensor, positive_rows: tf.Tensor) -> tf.Tensor:
        drawn = self.draw(call_counter.number_of_call(self._step))
        expected_count = self._num_sampled * tf.gather(self._probability, drawn)
        of_draws = tf.matmul(queries, tf.gather(matrix, drawn), transpose_b=True) - tf.math.log(expected_count)
        # Not `tf.nn.sampled_softmax_loss`: it corrects the positive, which is there for certain, as if it were drawn,
        # and of one that was drawn several times it leaves out a single draw.
        is_own = drawn == positive_rows[:, tf.newaxis]
        of_positives = tf.reduce_sum(queries * tf.gather(matrix, positive_rows), axis=1, keepdims=True)
        logits = tf.concat([of_positives, tf.where(is_own, column_masks.MASKED_LOGIT, of_draws)], axis=1)
        return tf.reduce_logsumexp(logits, axis=1) - of_positives[:, 0]
