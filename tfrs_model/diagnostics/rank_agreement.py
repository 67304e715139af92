"""Whether two scores rank the same things alike."""

import numpy as np


def shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns `[num_queries, k]` whether each answer of the one is among those of the other; see `top_overlap`."""
    return ((first[:, :, np.newaxis] == second[:, np.newaxis, :]) & (first[:, :, np.newaxis] >= 0)).any(axis=2)


def top_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the share of the one top k that is in the other, a mean over queries.

    [[1, 2, 3]] and [[3, 4, 1]] share 2/3, in whatever order; places without an answer, -1, are shared with nothing.

    Args:
      first: `[num_queries, k]` rows of candidates, none twice for a query; -1 for no answer.
      second: the same of the other.
    """
    return float(np.mean(shared(first, second)))


def rank_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns Spearman's rank correlation of the two scores of each query.

    It is Pearson's correlation of the ranks, equal scores having the mean of their ranks. [1, 2, 3] and [1, 3, 2] have
    ranks that differ by 0, 1 and 1: 1 - 6 * 2 / (3 * 8) = .5.

    Args:
      first: `[num_queries, num_candidates]` finite scores.
      second: the same of the other.

    Returns:
      `[num_queries]` in [-1, 1]; NaN where either scores all candidates the same.
    """
    centred = [ranks - ranks.mean(axis=1, keepdims=True) for ranks in (_mean_ranks(first), _mean_ranks(second))]
    lengths = np.prod([np.linalg.norm(each, axis=1) for each in centred], axis=0)
    products = np.sum(centred[0] * centred[1], axis=1)
    return np.divide(products, lengths, out=np.full_like(products, np.nan), where=lengths > 0.0)


def _mean_ranks(scores: np.ndarray) -> np.ndarray:
    """Returns the rank of each score in its row, from 0; equal scores share the mean of their ranks."""
    order = np.argsort(scores, axis=1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=1)
    width, positions = scores.shape[1], np.arange(scores.shape[1])
    starts = np.ones(scores.shape, bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(scores.shape, bool)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, positions, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, positions, width)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, (first + last) / 2.0, axis=1)
    return ranks
