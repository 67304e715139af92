"""How often each candidate comes, estimated from the stream in memory of fixed size."""

import tensorflow as tf

from tfrs_model import seeds

# An id that stopped coming is given at least this share of its age as its gap. The
# whole age would be biased: at a random moment the age is as long as a gap on average.
_AGE_FLOOR_FRACTION = 0.2


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class StreamingFrequency(tf.keras.layers.Layer):
    """Estimates the expected count of each id in a batch, and its sampling probability.

    After Yi et al., RecSys 2019, algorithms 2 and 3: arrays indexed by a hash of
    the id hold the step at which the bucket was last hit and a moving mean of the
    gaps between hits. Their estimate 1 / gap is the probability that an id is in
    a batch *at all*, and saturates at 1 when ids repeat inside a batch. The softmax
    over a batch with its duplicates needs the *expected count*, so a third array
    holds the mean number of copies per hit. By renewal-reward

        expected_count = mean copies per hit / mean gap between hits

    with both means under the same weights. Four things differ from the paper:

    - The rate is max(learning_rate, 1 / n) at a bucket's n-th hit: an exact mean
      while data are few, so no initial gap has to be forgotten first.
    - The gap is floored by a fifth of the steps since the last hit, so an id that
      stops coming fades.
    - A bucket never hit reads as one copy in `steps + 1`: rare, not popular.
    - With several hashes the estimate is the smallest ratio: a collision adds hits
      and copies, which on average raises it.

    Memory is `num_hashes * num_buckets * 20` bytes, whatever the number of ids.

    Args:
      num_buckets: buckets of each hash; several times the number of ids.
      num_hashes: independent hashes.
      learning_rate: weight of the newest gap once a bucket has been hit
        `1 / learning_rate` times, in (0, 1]. The stationary relative noise is
        sqrt(rate / (2 - rate)), 7.1% at .01.
      seed: of the hashes.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(self, num_buckets: int, num_hashes: int = 2, learning_rate: float = 0.01, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        if num_buckets < 1 or num_hashes < 1:
            raise ValueError(f"num_buckets and num_hashes must be >= 1, but are {num_buckets} and {num_hashes}.")
        if not 0.0 < learning_rate <= 1.0:
            raise ValueError(f"learning_rate of the frequency must be in (0, 1], but is {learning_rate}.")
        self._num_buckets = num_buckets
        self._num_hashes = num_hashes
        self._learning_rate = learning_rate
        self._seed = seed
        self._hash_keys = [
            [seeds.derive_seed(seed, f"frequency/{i}/{part}") for part in ("low", "high")] for i in range(num_hashes)
        ]
        self._num_steps = self._state("num_steps", (), tf.int64)
        self._num_ids = self._state("num_ids", (), tf.int64)
        size = (num_hashes * num_buckets,)
        self._last_hit = self._state("last_hit", size, tf.int64)
        self._num_hits = self._state("num_hits", size, tf.int32)
        self._mean_gap = self._state("mean_gap", size, tf.float32)
        self._mean_copies = self._state("mean_copies", size, tf.float32)

    def _state(self, name: str, shape: tuple[int, ...], dtype: tf.DType) -> tf.Variable:
        return self.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False)

    def call(self, ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns each id's expected count in a batch, after counting this batch in if training.

        Args:
          ids: `[batch_size]` strings or integers, with their repeats.
          training: whether this batch is a step of the stream.

        Returns:
          `[batch_size]` float32 > 0. It may exceed 1.

        Raises:
          TypeError: if the ids are neither strings nor integers.
        """
        buckets = self._buckets(ids)
        if training:
            self._update(buckets)
        return self._read(buckets)

    def sampling_probability(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the probability that one draw is this id: `[batch_size]` float32 in (0, 1]."""
        mean_batch_size = tf.cast(tf.maximum(self._num_ids, 1), tf.float32) / tf.cast(
            tf.maximum(self._num_steps, 1), tf.float32
        )
        return tf.minimum(self._read(self._buckets(ids)) / mean_batch_size, 1.0)

    def _buckets(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns `[num_hashes, batch_size]` int64 positions in the flat arrays."""
        ids = tf.convert_to_tensor(ids)
        if ids.dtype.is_integer:
            ids = tf.strings.as_string(ids)
        if ids.dtype != tf.string:
            raise TypeError(f"StreamingFrequency takes ids that are strings or integers, but got {ids.dtype.name}.")
        hashed = [tf.strings.to_hash_bucket_strong(ids, self._num_buckets, key=key) for key in self._hash_keys]
        return tf.stack(hashed) + self._num_buckets * tf.range(self._num_hashes, dtype=tf.int64)[:, tf.newaxis]

    def _update(self, buckets: tf.Tensor) -> None:
        hit, _, copies = tf.unique_with_counts(tf.reshape(buckets, [-1]))
        step = self._num_steps.assign_add(1)
        self._num_ids.assign_add(tf.shape(buckets, out_type=tf.int64)[1])
        gap = tf.cast(step - tf.gather(self._last_hit, hit), tf.float32)
        num_hits = tf.gather(self._num_hits, hit) + 1
        rate = tf.maximum(self._learning_rate, 1.0 / tf.cast(num_hits, tf.float32))
        self._move_towards(self._mean_gap, hit, gap, rate)
        self._move_towards(self._mean_copies, hit, tf.cast(copies, tf.float32), rate)
        self._last_hit.scatter_update(tf.IndexedSlices(tf.fill(tf.shape(hit), step), hit))
        self._num_hits.scatter_update(tf.IndexedSlices(num_hits, hit))

    @staticmethod
    def _move_towards(mean: tf.Variable, positions: tf.Tensor, values: tf.Tensor, rate: tf.Tensor) -> None:
        old = tf.gather(mean, positions)
        mean.scatter_update(tf.IndexedSlices(old + rate * (values - old), positions))

    def _read(self, buckets: tf.Tensor) -> tf.Tensor:
        age = tf.cast(self._num_steps - tf.gather(self._last_hit, buckets), tf.float32)
        gap = tf.maximum(tf.gather(self._mean_gap, buckets), _AGE_FLOOR_FRACTION * age)
        expected = tf.gather(self._mean_copies, buckets) / tf.maximum(gap, 1.0)
        unseen = 1.0 / (1.0 + tf.cast(self._num_steps, tf.float32))
        expected = tf.where(tf.gather(self._num_hits, buckets) > 0, expected, unseen)
        return tf.reduce_min(expected, axis=0)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer, without its state."""
        return {
            **super().get_config(),
            "num_buckets": self._num_buckets,
            "num_hashes": self._num_hashes,
            "learning_rate": self._learning_rate,
            "seed": self._seed,
        }
