"""How well a frequency estimate does, judged by exact counts of a few ids."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrs_model.frequency import estimator as estimator_lib
from tfrs_model.frequency import id_hashing

SAMPLE_SIZE = 256
# Above every key, so that it matches none and sorts last.
_NO_KEY = 2**63 - 1


def choose_sample(ids: Sequence[str] | Sequence[int], hasher: id_hashing.IdHasher) -> list:
    """Returns the ids with the smallest keys, at most `SAMPLE_SIZE`: a sample blind to how often an id comes."""
    if not len(ids):
        return []
    with tf.init_scope():
        keys = hasher.keys(tf.constant(ids)).numpy()
    _, first = np.unique(keys, return_index=True)
    return [ids[i] for i in first[:SAMPLE_SIZE].tolist()]


class FrequencyHealth(tf.keras.layers.Layer):
    """Counts a fixed sample of ids exactly, beside an estimator, and compares.

    Exact counts run from the last `restart`, so called once an epoch they tell of that
    epoch alone, as an estimate that forgets should too. The state, 4,112 bytes, goes
    with that of the estimator: into the checkpoint, and equal on all replicas. A
    checkpoint brings its own sample, so that one day's vocabulary need not be the next.

    Args:
      hasher: of the estimator.
      estimator: that is judged.
      sample_ids: at most `SAMPLE_SIZE` ids, as `choose_sample` returns them.
    """

    def __init__(
        self,
        hasher: id_hashing.IdHasher,
        estimator: estimator_lib.FrequencyEstimator,
        sample_ids: Sequence[str] | Sequence[int],
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._hasher = hasher
        self._estimator = estimator
        with tf.init_scope():
            keys = np.full(SAMPLE_SIZE, _NO_KEY, np.int64)
            keys[: len(sample_ids)] = np.sort(hasher.keys(tf.constant(sample_ids)).numpy())
        self._keys = self._state("sample_keys", (SAMPLE_SIZE,), lambda shape, dtype: tf.constant(keys, dtype))
        self._copies = self._state("exact_copies", (SAMPLE_SIZE,), "zeros")
        self._steps = self._state("exact_steps", (), "zeros")
        self._num_draws = self._state("exact_draws", (), "zeros")

    def count(self, keys: tf.Tensor) -> None:
        """Counts one batch: `[batch_size]` int64 keys with their repeats."""
        num_draws = tf.size(keys, out_type=tf.int64)
        self._steps.assign_add(tf.minimum(num_draws, 1))
        self._num_draws.assign_add(num_draws)
        rows = tf.minimum(tf.searchsorted(self._keys, keys), SAMPLE_SIZE - 1)
        is_sampled = tf.equal(tf.gather(self._keys, rows), keys)
        self._copies.assign_add(tf.math.unsorted_segment_sum(tf.cast(is_sampled, tf.int64), rows, SAMPLE_SIZE))

    def restart(self) -> None:
        """Forgets the exact counts; the sample stays."""
        for variable in (self._copies, self._steps, self._num_draws):
            variable.assign(tf.zeros_like(variable))

    def measure(self) -> dict[str, float]:
        """Returns the state of the estimate, in one pass over the buckets.

        Returns:
          `buckets_in_use`: share of all buckets that tell of some id.
          `collision_rate`: probability that a further id finds each of its buckets in
            use, so that its estimate is another's; the product of the rows' shares.
          `mean_log_error`: mean |log(estimated / exact expected count)| over the sampled
            ids that came since `restart`; NaN if none did.
        """
        used = tf.reshape(self._estimator.used_buckets(), [self._hasher.num_hashes, -1])
        shares = np.mean(used.numpy(), axis=1)
        copies = self._copies.numpy()
        came = copies > 0
        error = float("nan")
        if came.any():
            buckets = self._hasher.buckets(tf.boolean_mask(self._keys, came))
            exact = copies[came] / self._steps.numpy()
            error = float(np.mean(np.abs(np.log(self._estimator.expected_count(buckets).numpy() / exact))))
        return {
            "buckets_in_use": float(np.mean(shares)),
            "collision_rate": float(np.prod(shares)),
            "mean_log_error": error,
        }

    def _state(self, name: str, shape: tuple[int, ...], initializer) -> tf.Variable:
        return self.add_weight(name=name, shape=shape, dtype=tf.int64, initializer=initializer, trainable=False)
