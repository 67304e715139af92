"""From ids of any kind to keys, and from keys to buckets, the same on every machine and in every run."""

import tensorflow as tf

from tfrs_model import seeds

_KEY_RANGE = 2**62
# Constants of the splitmix64 generator (Steele, Lea and Flood, OOPSLA 2014).
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_FIRST_FACTOR = 0xBF58476D1CE4E5B9
_SECOND_FACTOR = 0x94D049BB133111EB


class IdHasher:
    """Hashes ids inside the graph; integers and their decimal strings are the same id.

    Args:
      num_buckets: buckets of each hash, in [1, 2**31).
      num_hashes: independent hashes, >= 1.
      seed: of the hashes.

    Raises:
      ValueError: if a size is out of its range.
    """

    def __init__(self, num_buckets: int, num_hashes: int, seed: int):
        if not 1 <= num_buckets < 2**31 or num_hashes < 1:
            raise ValueError(
                f"num_buckets must be in [1, 2**31) and num_hashes >= 1, but they are {num_buckets} and {num_hashes}."
            )
        self._num_buckets = num_buckets
        self._num_hashes = num_hashes
        self._key = [seeds.derive_seed(seed, f"frequency/key/{part}") for part in ("low", "high")]
        self._salts = [seeds.derive_seed(seed, f"frequency/hash/{i}") for i in range(num_hashes)]

    @property
    def num_hashes(self) -> int:
        """Rows of buckets."""
        return self._num_hashes

    def keys(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns `[batch_size]` int64 keys in [0, 2**62); two ids share one with probability 2**-62.

        Args:
          ids: `[batch_size]` strings or integers.

        Raises:
          TypeError: if the ids are neither.
          ValueError: if they are no vector.
        """
        ids = tf.convert_to_tensor(ids)
        if ids.shape.rank not in (1, None):
            raise ValueError(
                f"Ids whose frequency is estimated must be [batch_size], but have the shape {ids.shape}; flatten them."
            )
        if ids.dtype.is_integer:
            ids = tf.strings.as_string(ids)
        if ids.dtype != tf.string:
            raise TypeError(f"Ids whose frequency is estimated must be strings or integers, but are {ids.dtype.name}.")
        return tf.strings.to_hash_bucket_strong(ids, _KEY_RANGE, key=self._key)

    def buckets(self, keys: tf.Tensor) -> tf.Tensor:
        """Returns `[num_hashes, batch_size]` int64 positions in flat arrays of `num_hashes * num_buckets`."""
        salts = tf.constant(self._salts, tf.uint64)[:, tf.newaxis]
        mixed = _splitmix64(_splitmix64(salts) + tf.cast(keys, tf.uint64)[tf.newaxis, :])
        # Multiply and shift spreads 32 bits evenly over the buckets, where a remainder would not.
        high = tf.cast(tf.bitwise.right_shift(mixed, tf.constant(32, tf.uint64)), tf.int64)
        inside = tf.bitwise.right_shift(high * self._num_buckets, tf.constant(32, tf.int64))
        return inside + self._num_buckets * tf.range(self._num_hashes, dtype=tf.int64)[:, tf.newaxis]


def _splitmix64(x: tf.Tensor) -> tf.Tensor:
    x = x + tf.constant(_GOLDEN_GAMMA, tf.uint64)
    for shift, factor in ((30, _FIRST_FACTOR), (27, _SECOND_FACTOR)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64)))
        x = x * tf.constant(factor, tf.uint64)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(31, tf.uint64)))
