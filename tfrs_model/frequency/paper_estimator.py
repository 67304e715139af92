"""Algorithms 2 and 3 of Yi et al. as they are printed, to compare with."""

import tensorflow as tf

from tfrs_model.frequency import estimator


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class PaperEstimator(estimator.FrequencyEstimator):
    """Mean gap between the steps that hit a bucket (Yi et al., RecSys 2019, sec. 4).

    At step t, for each bucket y that the batch hits, whatever the number of hits:

        B[y] <- (1 - a) B[y] + a (t - A[y]);   A[y] <- t;   estimate 1 / B

    With several hashes the estimate is 1 / max B: a collision only shortens a
    gap. The estimate is the probability that an id is in a batch *at all*. It
    saturates at 1 and so is right as a count only while ids do not repeat inside
    a batch. Stationary, its relative noise is sqrt(a / (2 - a) (1 - p)); started
    at B = d0 where the true gap is d, its bias is (1 - a)^n (d0 - d) after n hits.

    Memory: 8 bytes a bucket; steps are counted up to 2**31.

    Args:
      num_buckets: of each hash.
      num_hashes: rows of buckets.
      learning_rate: a, in (0, 1].
      initial_gap: B before the first hit, >= 1.
    """

    def __init__(
        self, num_buckets: int, num_hashes: int, learning_rate: float = 0.01, initial_gap: float = 100.0, **kwargs
    ):
        super().__init__(**kwargs)
        if not 0.0 < learning_rate <= 1.0:
            raise ValueError(f"learning_rate of the paper's estimator must be in (0, 1], but is {learning_rate}.")
        if not initial_gap >= 1.0:
            raise ValueError(f"initial_gap of the paper's estimator must be >= 1, but is {initial_gap}.")
        self._learning_rate = learning_rate
        size = (num_hashes * num_buckets,)
        self._step = self._state("step", (), tf.int32)
        self._num_draws = self._state("num_draws", (), tf.int64)
        self._last_hit = self._state("last_hit", size, tf.int32)
        self._mean_gap = self._state("mean_gap", size, tf.float32, tf.keras.initializers.Constant(initial_gap))

    def count(self, keys: tf.Tensor, buckets: tf.Tensor, copies: tf.Tensor) -> None:
        """Takes in one batch; ids that share a bucket make one hit of it."""
        self._num_draws.assign_add(tf.reduce_sum(tf.cast(copies, tf.int64)))
        hit = tf.unique(tf.reshape(buckets, [-1])).y
        step = self._step.assign_add(tf.minimum(tf.size(keys), 1))
        gap = tf.cast(step - tf.gather(self._last_hit, hit), tf.float32)
        old = tf.gather(self._mean_gap, hit)
        new = (1.0 - self._learning_rate) * old + self._learning_rate * gap
        self._mean_gap.scatter_update(tf.IndexedSlices(new, hit))
        self._last_hit.scatter_update(tf.IndexedSlices(tf.fill(tf.shape(hit), step), hit))

    def expected_count(self, buckets: tf.Tensor) -> tf.Tensor:
        """Returns 1 / max B, in (0, 1]."""
        return tf.cast(self._inclusion(buckets), tf.float32)

    def sampling_probability(self, buckets: tf.Tensor) -> tf.Tensor:
        """Returns the expected count over the mean batch size, in (0, 1]."""
        steps, num_draws = (tf.cast(tf.maximum(each, 1), tf.float64) for each in (self._step, self._num_draws))
        return tf.cast(self._inclusion(buckets) * steps / num_draws, tf.float32)

    def _inclusion(self, buckets: tf.Tensor) -> tf.Tensor:
        # In float64, since the graph optimiser puts a less exact reciprocal in place of a division of float32.
        longest = tf.reduce_max(tf.gather(self._mean_gap, buckets), axis=0)
        return 1.0 / tf.maximum(tf.cast(longest, tf.float64), 1.0)

    def used_buckets(self) -> tf.Tensor:
        """Returns which buckets were ever hit."""
        return self._last_hit > 0
