"""How long ago a query chose, as one vector."""

import tensorflow as tf

from tfrs_model import schema as schema_lib

# A gap of 2^20 microseconds is about a second, one of 2^48 about nine years.
_FIRST_EXPONENT, _LAST_EXPONENT = 20, 48
_LAST_COUNT_EXPONENT = 10
_NUM_LEVELS = 2 * (_LAST_EXPONENT - _FIRST_EXPONENT + 1) + _LAST_COUNT_EXPONENT + 1


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class MomentGaps(tf.keras.layers.Layer):
    """Embeds the time since the last choice, the time since the oldest one shown, and how many are shown.

    What is chosen in a first session differs from what is chosen after months, and the ids of a
    history do not tell the two apart. Each number becomes one bit for every power of two that it has reached,

        level[k] = 1 if gap >= 2^k microseconds else 0,   k = 20 .. 48
        output = [levels of both gaps, levels of the count, is unknown] W

    so a weight says what is added from its power on, and a gap longer than any in training reads as the longest
    that was there: the weights start at zero. Gaps are unknown, and their levels 0, without a moment or a history
    whose moments are known. A gap of 3 hours, 1.08e10 microseconds, has the 14 levels of 2^20 to 2^33.

    Args:
      embedding_dim: width of the output, >= 1.
    """

    def __init__(self, embedding_dim: int = 16, **kwargs):
        super().__init__(**kwargs)
        if embedding_dim < 1:
            raise ValueError(f"{self.name}: embedding_dim must be >= 1, but is {embedding_dim}.")
        self._embedding_dim = embedding_dim
        # The last row is that of unknown gaps.
        self._weights = self.add_weight(
            name=f"{self.name}/level_kernel", shape=(_NUM_LEVELS + 1, embedding_dim), initializer="zeros"
        )

    def call(self, moments: tf.Tensor, timestamps: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Returns `[batch_size, embedding_dim]` float32.

        Args:
          moments: `[batch_size]` int64 microseconds UTC, when it is asked; -1 where unknown.
          timestamps: `[batch_size, length]` int64 microseconds UTC of what is shown; -1 where unknown.
          present: `[batch_size, length]` bool, which positions show a choice.
        """
        missing = schema_lib.MISSING_MOMENT
        is_known = tf.logical_and(present, tf.not_equal(timestamps, missing))
        last = tf.reduce_max(_beside(tf.where(is_known, timestamps, -1), -1), axis=1)
        oldest = tf.reduce_min(_beside(tf.where(is_known, timestamps, tf.int64.max), tf.int64.max), axis=1)
        has_gaps = tf.logical_and(tf.not_equal(moments, missing), tf.reduce_any(is_known, axis=1))
        # A history that ends after the moment reads as one that ends with it.
        gaps = [tf.where(has_gaps, tf.maximum(moments - each, 0), 0) for each in (last, oldest)]
        count = tf.math.count_nonzero(present, axis=1)
        levels = [
            *(_levels(gap, _FIRST_EXPONENT, _LAST_EXPONENT) for gap in gaps),
            _levels(count, 0, _LAST_COUNT_EXPONENT),
            tf.cast(tf.logical_not(has_gaps), tf.float32)[:, tf.newaxis],
        ]
        return tf.matmul(tf.concat(levels, axis=1), self._weights)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer."""
        return {**super().get_config(), "embedding_dim": self._embedding_dim}


def _levels(values: tf.Tensor, first: int, last: int) -> tf.Tensor:
    """Returns `[batch_size, last - first + 1]` float32: 1 for every power of two from first to last that is reached."""
    powers = tf.constant([1 << exponent for exponent in range(first, last + 1)], tf.int64)
    return tf.cast(values[:, tf.newaxis] >= powers, tf.float32)


def _beside(values: tf.Tensor, filling: int) -> tf.Tensor:
    """Returns the values with one more column, since an empty row has no maximum."""
    return tf.pad(values, [[0, 0], [0, 1]], constant_values=tf.constant(filling, tf.int64))
