"""Negatives drawn uniformly from the corpus."""

import tensorflow as tf

from tfrs_model import seeds


class UniformNegatives:
    """Draws corpus rows with replacement, all equally likely (Yang et al., WWW 2020).

    In-batch negatives are never candidates that nobody chose; these are. Every
    candidate is expected `num_negatives / num_candidates` times among the draws,
    which also gives a candidate that training never brings a finite correction.

    Args:
      num_candidates: of the corpus, >= 1.
      num_negatives: draws of a step, shared by all its queries, >= 1; they may repeat.
      seed: any integer.

    Raises:
      ValueError: if a number is out of its range.
    """

    def __init__(self, num_candidates: int, num_negatives: int, seed: int = 0):
        for name, value in (("num_candidates", num_candidates), ("num_negatives", num_negatives)):
            if value < 1:
                raise ValueError(f"{name} of uniform negatives must be >= 1, but is {value}.")
        self._num_candidates = num_candidates
        self._num_negatives = num_negatives
        self._stream = seeds.derive_seed(seed, "negatives/uniform")

    @property
    def num_negatives(self) -> int:
        """Draws of a step."""
        return self._num_negatives

    def draw(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns `[num_negatives]` int64 rows, a function of (seed, step) alone and so the same on every replica."""
        return tf.random.stateless_uniform(
            [self._num_negatives],
            seed=tf.stack([tf.constant(self._stream, tf.int64), tf.cast(step, tf.int64)]),
            maxval=self._num_candidates,
            dtype=tf.int64,
        )

    def expected_count(self) -> float:
        """Returns how often each candidate is expected among a step's draws."""
        return self._num_negatives / self._num_candidates
