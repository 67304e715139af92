"""The mean of what was chosen, in which the last counts most."""

import math

import tensorflow as tf

from tfrs_model.history import encoder, packing


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class RecencyWeightedMean(encoder.HistoryEncoder):
    """Averages what is present so far with weights that fall by one learned factor per choice.

        state[n] = sum(decay^a[i] e[i]) / sum(decay^a[i]),   a[i] = number of present ones between i and n

    With decay 1/2 and embeddings 1 and 4 the states are 0, 1 and (1/2 * 1 + 4) / (1/2 + 1) = 3.
    The decay stays in (0, 1), since its logit is what is learned.

    Args:
      width: of the embeddings and of the states, >= 1.
      half_life: choices after which a weight has halved, at the start of training, > 0. With 5 the weights
        sum to 7.7, so that a state begins as a mean over about that many choices: far from the plain mean of
        a long history and from the last choice alone, with a decay (.87) whose logit is free to go either way.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(self, width: int, half_life: float = 5.0, **kwargs):
        super().__init__(width, **kwargs)
        if not 0.0 < half_life < math.inf:
            raise ValueError(
                f"{self.name}: half_life must be > 0 and finite, but is {half_life}; use the mean to weigh all alike."
            )
        self._half_life = half_life
        decay = 0.5 ** (1.0 / half_life)
        self._decay_logit = self.add_weight(
            name=f"{self.name}/decay_logit",
            shape=(),
            initializer=tf.keras.initializers.Constant(math.log(decay / (1.0 - decay))),
        )

    @property
    def decay(self) -> tf.Tensor:
        """The factor by which a weight falls with each later choice, in (0, 1)."""
        return tf.sigmoid(self._decay_logit)

    def call(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, length + 1, width]` float32, the means after each position; reads no time."""
        self._require_width(embeddings)
        packed = packing.pack(embeddings, present)
        positions = tf.range(tf.shape(packed.embeddings)[1])
        ages = positions[:, tf.newaxis] - positions
        weights = self._weights(ages)
        shares = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
        # One product for all rows: [length, length] x [length, num_rows * width].
        means = tf.tensordot(shares, packed.embeddings, axes=[[1], [1]])
        return packed.states(tf.transpose(means, [1, 0, 2]))

    def last_state(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, width]` float32, the weighted mean of all that is present."""
        self._require_width(embeddings)
        num_present = packing.count_present(present)
        ages = num_present[:, -1:] - num_present[:, 1:]
        weights = self._weights(ages) * tf.cast(present, tf.float32)
        sums = tf.linalg.matvec(embeddings, weights, transpose_a=True)
        return tf.math.divide_no_nan(sums, tf.reduce_sum(weights, axis=1, keepdims=True))

    def _weights(self, ages: tf.Tensor) -> tf.Tensor:
        """Returns decay^age, and 0 for a choice that is still to come; its power is not taken, as it may overflow."""
        powers = tf.exp(tf.cast(tf.maximum(ages, 0), tf.float32) * tf.math.log_sigmoid(self._decay_logit))
        return tf.where(ages >= 0, powers, 0.0)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal encoder."""
        return {**super().get_config(), "half_life": self._half_life}
