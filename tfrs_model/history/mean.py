"""The mean of what was chosen."""

import tensorflow as tf

from tfrs_model.history import encoder, packing


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class Mean(encoder.HistoryEncoder):
    """Averages what is present so far; it has no weights, and the order does not count.

        state[n] = sum(e[i] for present i < n) / (number of them)

    Of embeddings 1 and 4 the states are 0, 1 and 2.5.

    Args:
      width: of the embeddings and of the states, >= 1.
    """

    def call(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, length + 1, width]` float32, the means after each position; reads no time."""
        self._require_width(embeddings)
        # One product for all rows, [length + 1, length] x [length, num_rows * width], is faster than running sums.
        length = tf.shape(embeddings)[1]
        is_before = tf.cast(tf.range(length) < tf.range(length + 1)[:, tf.newaxis], tf.float32)
        sums = tf.transpose(tf.tensordot(is_before, embeddings, axes=[[1], [1]]), [1, 0, 2])
        counts = tf.cast(packing.count_present(present), tf.float32)
        return tf.math.divide_no_nan(sums, counts[:, :, tf.newaxis])

    def last_state(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, width]` float32, the mean of all that is present."""
        self._require_width(embeddings)
        counts = tf.reduce_sum(tf.cast(present, tf.float32), axis=1, keepdims=True)
        return tf.math.divide_no_nan(tf.reduce_sum(embeddings, axis=1), counts)
