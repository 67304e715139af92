"""Finds how little an index has to do for a wanted recall."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from serving.index import candidate_index

_QUERIES_PER_BLOCK = 256
# Of what the target leaves to be missed, the share that a setting leaves to those that are tuned after it.
_LEFT_FOR_LATER = 0.25
_NUM_DEEP_QUERIES = 128
# What passes a filter is looked for among deeper answers, and may be the last of them, which are missed most.
_MORE_WHERE_DEEPER = 0.6


def index_recall(index: candidate_index.CandidateIndex, query_embeddings: np.ndarray, exact_rows: np.ndarray) -> float:
    """Returns the share of the exact answers that the index finds, averaged over the queries.

    Args:
      index: as it is set now.
      query_embeddings: `[num_queries, embedding_dim]` float32.
      exact_rows: `[num_queries, k]` rows of the corpus that the index was built from, the best k of each query.
    """
    found = []
    for begin in range(0, len(query_embeddings), _QUERIES_PER_BLOCK):
        block = tf.constant(query_embeddings[begin : begin + _QUERIES_PER_BLOCK])
        rows = index.search_rows(block, exact_rows.shape[1])[0].numpy()
        candidates = np.where(rows >= 0, index.order[rows], -1)
        expected = exact_rows[begin : begin + _QUERIES_PER_BLOCK]
        found += [np.isin(mine, theirs).mean() for mine, theirs in zip(expected, candidates, strict=True)]
    return float(np.mean(found))


def tune(
    index: candidate_index.CandidateIndex,
    query_embeddings: np.ndarray,
    k: int,
    exact: Callable[[np.ndarray, int], np.ndarray],
    target: float,
) -> float:
    """Sets the index to the least effort that reaches a recall, and returns the recall at k.

    Recall grows with each setting, so that it is found by doubling and halving. A setting that is tuned before others
    for the same depth aims a little higher, since the others will cost recall too. Deeper answers than k, in which
    filtered ones are looked for, aim at fewer misses and are tuned on fewer queries. An index without settings stays
    as it is, and one that does not reach the target does all it can.

    Args:
      index: what is tuned.
      query_embeddings: `[num_queries, embedding_dim]` float32, other queries than those that judge the result.
      k: how many candidates most queries ask for.
      exact: returns for queries and a depth the `[num_queries, depth]` rows of the corpus that are best, best first.
      target: recall, in [0, 1].
    """
    efforts = index.efforts
    for effort in efforts:
        effort.set(effort.most)
    for position, effort in enumerate(efforts, 1):
        queries = query_embeddings if effort.depth <= k else query_embeddings[:_NUM_DEEP_QUERIES]
        recall = _recall_by_value(index, effort, queries, exact(queries, effort.depth))
        is_followed = any(later.depth == effort.depth for later in efforts[position:])
        wanted = target if effort.depth <= k else target + _MORE_WHERE_DEEPER * (1.0 - target)
        higher = wanted + _LEFT_FOR_LATER * (1.0 - wanted) * is_followed
        enough = _least(recall, effort.most, higher)
        if recall(enough) < higher:
            enough = _least(recall, effort.most, wanted)
        effort.set(enough)
    return index_recall(index, query_embeddings, exact(query_embeddings, k))


def _recall_by_value(
    index: candidate_index.CandidateIndex, effort: candidate_index.Effort, queries: np.ndarray, answers: np.ndarray
) -> Callable[[int], float]:
    @functools.cache
    def recall(value: int) -> float:
        effort.set(value)
        return index_recall(index, queries, answers)

    return recall


def _least(recall: Callable[[int], float], most: int, target: float) -> int:
    """Returns about the least value that reaches the target, to a thirty-second of itself; `most` where none does."""
    enough = 1
    while enough < most and recall(enough) < target:
        enough = min(2 * enough, most)
    too_few = enough // 2
    while enough - too_few > max(1, enough // 32):
        middle = (too_few + enough) // 2
        if recall(middle) < target:
            too_few = middle
        else:
            enough = middle
    return enough
