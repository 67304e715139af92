"""Dropout whose mask is a function of (seed, training call), so that a resumed run repeats it."""

import tensorflow as tf

from tfrs_model import call_counter, seeds


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class StatelessDropout(tf.keras.layers.Layer):
    """Drops inputs with a mask drawn from the seed and the number of training calls so far.

    Keras dropout draws from a generator whose state is not in the checkpoint,
    so a resumed run differs from an undisturbed one. Here the only state is the
    call counter, which the checkpoint holds. Replicas fold their own number in
    and so draw different masks.

    Args:
      rate: fraction of inputs set to zero, in [0, 1); the others are divided by `1 - rate`.
      seed: any integer.
      name: of the layer; required, since it tells one layer's masks from another's and
        the names that Keras gives depend on what else the process has built.

    Raises:
      ValueError: if the rate is outside [0, 1).
    """

    def __init__(self, rate: float, seed: int = 0, *, name: str, **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"Dropout rate must be in [0, 1), but is {rate}.")
        self._rate = rate
        self._seed = seed
        self._num_calls = call_counter.add_call_counter(self, "num_calls")

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the inputs, thinned out in training; same shape and dtype."""
        if not training or self._rate == 0.0:
            return inputs
        num_calls = call_counter.number_of_call(self._num_calls)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        stream = seeds.derive_seed(self._seed, self.name)
        seed = tf.stack([num_calls, tf.cast(replica, tf.int64) * 2**31 + stream])
        return tf.nn.experimental.stateless_dropout(inputs, rate=self._rate, seed=seed)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer."""
        return {**super().get_config(), "rate": self._rate, "seed": self._seed}
