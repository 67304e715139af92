"""The regressions of one half of alternating least squares: a row for each owner, all solved exactly."""

import dataclasses

import numpy as np
import tensorflow as tf

# 2**23 float64 numbers are 64 MB.
_MAX_NUMBERS_PER_BLOCK = 1 << 23


@dataclasses.dataclass(frozen=True)
class Observed:
    """The observed pairs, owner after owner.

    Attributes:
      rows: `[num_pairs]` int64 rows of the fixed side.
      weights: `[num_pairs]` float64.
      splits: `[num_owners + 1]` int64; owner i has pairs `splits[i]` to `splits[i + 1] - 1`.
    """

    rows: np.ndarray
    weights: np.ndarray
    splits: np.ndarray

    @classmethod
    def group(cls, owners: np.ndarray, rows: np.ndarray, weights: np.ndarray, num_owners: int) -> "Observed":
        """Returns pairs in any order, grouped by owner; no pair may come twice."""
        order = np.argsort(owners, kind="stable")
        splits = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=num_owners))])
        return cls(rows[order], weights[order], splits)


class FixedSide:
    """The side that is held while the other one is solved, with what all of its regressions have in common.

    The sum over unobserved pairs is that over all less that over the observed, so that the cost is that of the
    observed pairs alone (Hu et al., ICDM 2008, sec. 4). With F the fixed side, x_i solves

        (of_all F'F + sum over observed j of (w_j - unobserved_weight) f_j f_j' + regularization I) x_i
            = sum over observed j of w_j f_j

    Args:
      fixed: `[num_fixed, embedding_dim]` float64.
      of_all: weight of a product of any pair, squared; the unobserved weight, and gravity above it.
      unobserved_weight: >= 0, what an observed pair does not pay.
      regularization: > 0.
    """

    def __init__(self, fixed: np.ndarray, of_all: float, unobserved_weight: float, regularization: float):
        self._num_fixed, self._embedding_dim = fixed.shape
        self._of_everybody = tf.constant(of_all * fixed.T @ fixed + regularization * np.eye(self._embedding_dim))
        self._padded = tf.constant(np.concatenate([fixed, np.zeros([1, self._embedding_dim])]))
        self._unobserved_weight = unobserved_weight

    def solve(self, observed: Observed) -> np.ndarray:
        """Returns the vector of each owner that minimises its squared errors against the fixed side.

        Args:
          observed: pairs whose target is 1.

        Returns:
          `[num_owners, embedding_dim]` float64; 0 for an owner without pairs.
        """
        solved = np.zeros([len(observed.splits) - 1, self._embedding_dim])
        for owners, width in _blocks(np.diff(observed.splits), self._embedding_dim):
            of_pairs = _padded(observed, owners, width, self._num_fixed, self._unobserved_weight)
            solved[owners] = _solve_block(self._padded, *of_pairs, self._of_everybody).numpy()
        return solved


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float64),
        tf.TensorSpec([None, None], tf.int64),
        tf.TensorSpec([None, None], tf.float64),
        tf.TensorSpec([None, None], tf.float64),
        tf.TensorSpec([None, None], tf.float64),
    ]
)
def _solve_block(padded, rows, weights, beyond, of_everybody):
    vectors = tf.gather(padded, rows)
    gram = of_everybody + tf.matmul(vectors, beyond[:, :, tf.newaxis] * vectors, transpose_a=True)
    right = tf.matmul(vectors, weights[:, :, tf.newaxis], transpose_a=True)
    return tf.linalg.cholesky_solve(tf.linalg.cholesky(gram), right)[:, :, 0]


def _blocks(lengths: np.ndarray, embedding_dim: int) -> list[tuple[np.ndarray, int]]:
    """Returns owners with pairs in blocks of about one length, each with the longest of it.

    Of what is padded to the next power of 2 no more than half is wasted.
    """
    blocks = []
    widths = 1 << np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    for width in np.unique(widths[lengths > 0]):
        owners = np.flatnonzero((widths == width) & (lengths > 0))
        size = max(1, _MAX_NUMBERS_PER_BLOCK // int(max(width, embedding_dim) * embedding_dim))
        blocks += [(owners[begin : begin + size], int(width)) for begin in range(0, len(owners), size)]
    return blocks


def _padded(
    observed: Observed, owners: np.ndarray, width: int, filler: int, unobserved_weight: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns `[num_owners, width]` rows, weights, and those beyond the unobserved one; filled with `filler` and 0."""
    begin, end = observed.splits[owners], observed.splits[owners + 1]
    positions = begin[:, np.newaxis] + np.arange(width)
    is_pair = positions < end[:, np.newaxis]
    positions = np.where(is_pair, positions, 0)
    weights = observed.weights[positions]
    return (
        np.where(is_pair, observed.rows[positions], filler),
        np.where(is_pair, weights, 0.0),
        np.where(is_pair, weights - unobserved_weight, 0.0),
    )
