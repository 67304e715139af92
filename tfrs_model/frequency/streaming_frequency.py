"""How often each candidate comes, estimated from the stream in memory of fixed size."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfrs_model import replicas
from tfrs_model.frequency import health as health_lib
from tfrs_model.frequency import id_hashing, multiscale_estimator, paper_estimator

ESTIMATORS = ("multiscale", "paper")
# Of all hashes together; with fewer, ids share so many buckets that estimates suffer.
_BUCKETS_PER_ID = 2


def num_buckets_for(num_ids: int, num_hashes: int, num_buckets: int) -> int:
    """Returns `num_buckets`, doubled until all hashes together have two or more for each id.

    Args:
      num_ids: that are to be told apart.
      num_hashes: of the layer.
      num_buckets: that each hash has, >= 1.
    """
    while num_buckets * num_hashes < _BUCKETS_PER_ID * num_ids:
        num_buckets *= 2
    return num_buckets


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class StreamingFrequency(tf.keras.layers.Layer):
    """Estimates the expected count of each id in a batch, and its sampling probability.

    The softmax over a batch with its repeats needs the expected count of each
    column (a factor common to all cancels). Nothing is known beforehand: no
    vocabulary, no counting pass. Ids are hashed into fixed-size arrays, so memory
    does not grow with them: 8 bytes for each of `num_hashes * num_buckets` buckets.

    Under a synchronous strategy every replica sees the ids of all replicas, and all
    hold the same state, bit for bit that of one process with the same global batch.
    The order of ids inside a batch does not matter.

    Args:
      num_buckets: buckets of each hash; with `num_hashes`, two or more per id in all.
      num_hashes: independent hashes.
      estimator: `multiscale`, the default, or `paper`, to compare with; see their classes.
      seed: of the hashes.
      options: further arguments of the estimator.
      sample_ids: ids to choose `health`'s sample from, which is counted exactly to judge
        the estimate; without any, nothing is.

    Raises:
      ValueError: if the estimator is unknown or an argument is out of its range.
    """

    def __init__(
        self,
        num_buckets: int,
        num_hashes: int = 4,
        estimator: str = "multiscale",
        seed: int = 0,
        options: dict | None = None,
        sample_ids: Sequence[str] | Sequence[int] = (),
        **kwargs,
    ):
        super().__init__(**kwargs)
        classes = {
            "multiscale": multiscale_estimator.MultiscaleEstimator,
            "paper": paper_estimator.PaperEstimator,
        }
        if estimator not in classes:
            raise ValueError(f"estimator of the frequency must be one of {', '.join(classes)}, but is {estimator!r}.")
        self._hasher = id_hashing.IdHasher(num_buckets, num_hashes, seed)
        self._estimator = classes[estimator](num_buckets, num_hashes, **(options or {}))
        sample = health_lib.choose_sample(sample_ids, self._hasher)
        self._health = health_lib.FrequencyHealth(self._hasher, self._estimator, sample) if sample else None
        self._config = {
            "num_buckets": num_buckets,
            "num_hashes": num_hashes,
            "estimator": estimator,
            "seed": seed,
            "options": dict(options or {}),
            "sample_ids": sample,
        }

    @property
    def health(self) -> health_lib.FrequencyHealth | None:
        """How well the estimate does; `None` without sample ids."""
        return self._health

    @property
    def variables_by_bucket(self) -> list[tf.Variable]:
        """State of the estimator with a number for each bucket."""
        size = self._hasher.num_hashes * self._config["num_buckets"]
        return [each for each in self._estimator.weights if tuple(each.shape) == (size,)]

    def split_buckets(self, values: np.ndarray) -> np.ndarray:
        """Returns what a variable by bucket must hold so that every estimate is that of fewer buckets.

        Bucket b of n holds the ids of buckets k b to k b + k - 1 of k n, since a hash is multiplied and shifted. Given
        what b held each of these starts with the estimates that it gave, and from then on its ids part.

        Args:
          values: `[num_hashes * n]` of a layer with n buckets and otherwise the same options.

        Raises:
          ValueError: if `num_buckets` is no multiple of n.
        """
        num_hashes, num_buckets = self._hasher.num_hashes, self._config["num_buckets"]
        of_hashes = np.reshape(values, [num_hashes, -1])
        factor, rest = divmod(num_buckets, of_hashes.shape[1])
        if rest or not factor:
            raise ValueError(
                f"num_buckets must be a multiple of the {of_hashes.shape[1]} that are split, but is {num_buckets}."
            )
        return np.repeat(of_hashes, factor, axis=1).reshape(-1)

    def call(self, ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns each id's expected count in a batch, after counting this batch in if training.

        Args:
          ids: `[batch_size]` strings or integers, with their repeats; may be empty.
          training: whether this batch is a step of the stream.

        Returns:
          `[batch_size]` float32 > 0. It may exceed 1.

        Raises:
          TypeError: if the ids are neither strings nor integers.
        """
        keys = self._hasher.keys(ids)
        if training:
            self._count(replicas.replicas_of(tf.size(keys)).gather(keys))
        return self._of_each(keys, self._estimator.expected_count)

    def sampling_probability(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the probability that one draw is this id: `[batch_size]` float32 in (0, 1]."""
        return self._of_each(self._hasher.keys(ids), self._estimator.sampling_probability)

    def _of_each(self, keys: tf.Tensor, estimate: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Returns the estimate of each key, reading one that comes again once: reads of a large table are slow."""
        ids, rows = tf.unique(keys)
        return tf.gather(estimate(self._hasher.buckets(ids)), rows)

    def _count(self, keys: tf.Tensor) -> None:
        ids, _, copies = tf.unique_with_counts(keys)
        self._estimator.count(ids, self._hasher.buckets(ids), copies)
        if self._health is not None:
            self._health.count(keys)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer, without its state."""
        return {**super().get_config(), **self._config}
