"""What every frequency estimator does: count a batch, read a probability."""

import abc

import tensorflow as tf


class FrequencyEstimator(tf.keras.layers.Layer, abc.ABC):
    """Fixed-size arrays indexed by bucket; the layer that owns it hashes and gathers."""

    @abc.abstractmethod
    def count(self, keys: tf.Tensor, buckets: tf.Tensor, copies: tf.Tensor) -> None:
        """Takes in one batch as one step of the stream; without ids it is none, since it says nothing of any id.

        The new state depends on the batch as a multiset, not on its order.

        Args:
          keys: `[num_ids]` int64, one for each id of the batch, without repeats.
          buckets: `[num_hashes, num_ids]` int64 positions in the flat arrays.
          copies: `[num_ids]` int32 >= 1, how often each id is in the batch.
        """

    @abc.abstractmethod
    def expected_count(self, buckets: tf.Tensor) -> tf.Tensor:
        """Returns `[num_ids]` float32 > 0: copies of each id that a batch is expected to hold."""

    @abc.abstractmethod
    def sampling_probability(self, buckets: tf.Tensor) -> tf.Tensor:
        """Returns `[num_ids]` float32 in (0, 1]: the probability that one draw is this id."""

    @abc.abstractmethod
    def used_buckets(self) -> tf.Tensor:
        """Returns `[num_hashes * num_buckets]` bool: whether a bucket tells of any id."""

    def _state(self, name: str, shape: tuple[int, ...], dtype: tf.DType, initializer: str = "zeros") -> tf.Variable:
        # Replicas hold equal copies and change them alike, so nothing has to be aggregated. Counts are no activations:
        # a policy of mixed precision must not read them as float16.
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            trainable=False,
            experimental_autocast=False,
        )
