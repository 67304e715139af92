"""From a number to the embedding of the bucket that it falls into."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrs_model import embedding_table


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class BucketEmbedding(tf.keras.layers.Layer):
    """Embeds numbers by bucket; a missing one (NaN) is zero.

    Bucket i holds `boundaries[i - 1] <= x < boundaries[i]`, compared as float32; the first and the
    last bucket are open.

    Args:
      boundaries: strictly ascending as float32; none makes one bucket.
      embedding_dim: width of a row, >= 1.
      seed: of the initial rows, normal with standard deviation `1 / sqrt(embedding_dim)`.

    Raises:
      ValueError: if the boundaries do not ascend.
    """

    def __init__(self, boundaries: Sequence[float], embedding_dim: int, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self._boundaries = list(boundaries)
        if not np.all(np.diff(np.array(self._boundaries, np.float32)) > 0):
            raise ValueError(
                f"{self.name}: boundaries must ascend strictly, as float32 too, but are {self._boundaries}."
            )
        self._embedding_dim = embedding_dim
        self._seed = seed
        # Row 0 stands for a missing number and is masked, so that no bucket is touched by one.
        self._table = embedding_table.embedding_table(2 + len(self._boundaries), embedding_dim, seed, self.name)

    @property
    def embedding_dim(self) -> int:
        """Width of a row."""
        return self._embedding_dim

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Returns `[batch_size, embedding_dim]` float32 for `[batch_size]` float32."""
        missing = tf.math.is_nan(values)
        edges = tf.constant(self._boundaries, tf.float32)
        buckets = tf.searchsorted(edges, tf.where(missing, tf.zeros_like(values), values), side="right")
        rows = tf.where(missing, 0, 1 + buckets)
        return self._table(rows) * tf.cast(tf.logical_not(missing), tf.float32)[:, tf.newaxis]

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "boundaries": self._boundaries,
            "embedding_dim": self._embedding_dim,
            "seed": self._seed,
        }
