"""Scores that are sums over what a query chose before, as of EASE-R and other linear models."""

import numpy as np
import tensorflow as tf

from tfrs_model.baselines import query_states, scorer


class ItemToItem(scorer.Scorer):
    """Scores by a matrix of weights, `scores = X W` with X[q, i] = 1 for each i in the history of q, else 0.

    Args:
      weights: `[num_candidates, num_candidates]` float32; row i says what having chosen i is worth to each candidate.

    Raises:
      ValueError: if the matrix is not square.
    """

    def __init__(self, weights: np.ndarray):
        if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
            raise ValueError(f"Weights from item to item must be a square matrix, but have the shape {weights.shape}.")
        self._weights = tf.constant(weights, tf.float32)

    def scores(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, num_candidates]` float32; all 0 for a query without history."""
        return tf.sparse.sparse_dense_matmul(states.chosen(self._weights.shape[0]), self._weights).numpy()
