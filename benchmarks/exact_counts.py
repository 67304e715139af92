"""The counts of the whole training split, known from the first step on, as no stream could know them."""

import numpy as np
import tensorflow as tf


class ExactCounts(tf.keras.layers.Layer):
    """Stands where the streaming estimate does, and knows the counts of the whole training split.

    Args:
      ids: `[num_candidates]` strings.
      counts: `[num_candidates]` training interactions; none reads as half of one.
      batch_size: the expected counts are those of such a batch.
    """

    health = None

    def __init__(self, ids: np.ndarray, counts: np.ndarray, batch_size: int):
        super().__init__()
        probability = np.maximum(counts, 0.5) / counts.sum()
        values = tf.constant(probability, tf.float32)
        pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(ids, tf.string), values)
        self._probability = tf.lookup.StaticHashTable(pairs, default_value=float("nan"))
        self._batch_size = batch_size

    def call(self, ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns `[batch_size]` expected counts; nothing is learned."""
        del training
        return self._batch_size * self._probability.lookup(ids)

    def sampling_probability(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the probability that one draw is this id: `[batch_size]` float32 in (0, 1]."""
        return self._probability.lookup(ids)
