"""Finds how little an index has to do for a wanted recall."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from serving.index import candidate_index

_QUERIES_PER_BLOCK = 256
# Of what the target leaves to be missed, the share that a setting leaves to those that are tuned after it.
_LEFT_FOR_LATER = 0.25
_SAME = 1e-6
_ALL_BUT = 0.002
_NUM_DEEP_QUERIES = 128
# Standard errors by which the mean stays above the target: those who judge are other queries, and err as much.
_CAUTION = 3.0
# What passes a filter is looked for among deeper answers, and may be the last of them, which are missed most.
_MORE_WHERE_DEEPER = 0.6
# How far to either side of what an index was tuned to its other settings are tried, in doublings.
_DOUBLINGS = 4


class TradeOff(NamedTuple):
    """What an index finds at one setting of its effort.

    Attributes:
      name: of the setting.
      value: of it.
      share: of the most that it can be set to, in (0, 1].
      recall: share of the exact answers that are found.
      is_chosen: whether the index was tuned to this one.
    """

    name: str
    value: int
    share: float
    recall: float
    is_chosen: bool


def index_recall(index: candidate_index.CandidateIndex, query_embeddings: np.ndarray, exact_rows: np.ndarray) -> float:
    """Returns the share of the exact answers that the index finds, averaged over the queries.

    What scores as high as the last of the exact answer is found right: of equal candidates any counts as the other.

    Args:
      index: as it is set now.
      query_embeddings: `[num_queries, embedding_dim]` float32.
      exact_rows: `[num_queries, k]` rows of the corpus that the index was built from, the best k of each query.
    """
    return float(np.mean(_recall_per_query(index, query_embeddings, exact_rows)))


def _recall_per_query(
    index: candidate_index.CandidateIndex, query_embeddings: np.ndarray, exact_rows: np.ndarray
) -> np.ndarray:
    row_of_candidate = np.empty([index.num_candidates], np.int64)
    row_of_candidate[index.order] = np.arange(index.num_candidates)
    found = []
    for begin in range(0, len(query_embeddings), _QUERIES_PER_BLOCK):
        queries = tf.constant(query_embeddings[begin : begin + _QUERIES_PER_BLOCK])
        last = row_of_candidate[exact_rows[begin : begin + _QUERIES_PER_BLOCK, -1]]
        rows = index.search_rows(queries, exact_rows.shape[1])[0]
        scores = tf.linalg.matvec(index.vectors_of(tf.maximum(rows, 0)), queries).numpy()
        enough = tf.reduce_sum(index.vectors_of(last) * queries, axis=1).numpy()[:, np.newaxis]
        is_right = (rows.numpy() >= 0) & (scores >= enough - _SAME * np.maximum(1.0, np.abs(enough)))
        found.append(is_right.sum(axis=1) / exact_rows.shape[1])
    return np.concatenate(found)


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
    as it is; a setting that does not reach its aim comes within .002 of what it can. Other queries have
    another recall, so the mean has to be three of its standard errors above the aim.

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
    answers = exact(query_embeddings, k)
    few = query_embeddings[:_NUM_DEEP_QUERIES]
    deepest = max((effort.depth for effort in efforts), default=0)
    deep_answers = exact(few, deepest) if deepest > k else answers
    for position, effort in enumerate(efforts, 1):
        if effort.depth <= k:
            wanted, recall = target, _recall_by_value(index, effort, query_embeddings, answers[:, : effort.depth])
        else:
            wanted = target + _MORE_WHERE_DEEPER * (1.0 - target)
            recall = _recall_by_value(index, effort, few, deep_answers[:, : effort.depth])
        is_followed = any(later.depth == effort.depth for later in efforts[position:])
        higher = wanted + _LEFT_FOR_LATER * (1.0 - wanted) * is_followed
        enough = _least(recall, effort, higher)
        if recall(enough) < higher:
            # All leaves for nothing would be the dearest of mistakes, so what is all but the most will do.
            enough = _least(recall, effort, min(wanted, recall(enough) - _ALL_BUT))
        effort.set(enough)
    return index_recall(index, query_embeddings, answers)


def trade_off(
    index: candidate_index.CandidateIndex, query_embeddings: np.ndarray, exact_rows: np.ndarray
) -> list[TradeOff]:
    """Returns what less and more effort than the index is set to would find, the least first.

    The weightiest setting for answers of this depth is halved and doubled up to four times, but no further than where
    everything is found, and left as it was; the others keep what they are tuned to. An index without settings has
    nothing to trade.

    Args:
      index: tuned.
      query_embeddings: `[num_queries, embedding_dim]` float32.
      exact_rows: `[num_queries, k]` rows of the corpus that are best.
    """
    effort = next((each for each in index.efforts if each.depth >= exact_rows.shape[1]), None)
    if effort is None:
        return []
    chosen = effort.get()
    steps = [chosen // 2**step for step in range(_DOUBLINGS, 0, -1)] + [
        chosen * 2**step for step in range(_DOUBLINGS + 1)
    ]
    measured = []
    for value in sorted({each for each in steps if effort.least <= each <= effort.most}):
        effort.set(value)
        recall = index_recall(index, query_embeddings, exact_rows)
        measured.append(TradeOff(effort.name, value, value / effort.most, recall, value == chosen))
        if recall == 1.0 and value >= chosen:
            break
    effort.set(chosen)
    return measured


def _recall_by_value(
    index: candidate_index.CandidateIndex, effort: candidate_index.Effort, queries: np.ndarray, answers: np.ndarray
) -> Callable[[int], float]:
    @functools.cache
    def recall(value: int) -> float:
        effort.set(value)
        recalls = _recall_per_query(index, queries, answers)
        return float(np.mean(recalls) - _CAUTION * np.std(recalls) / np.sqrt(len(recalls)))

    return recall


def _least(recall: Callable[[int], float], effort: candidate_index.Effort, target: float) -> int:
    """Returns about the least value that reaches the target, to a thirty-second of itself; the most where none does."""
    enough = effort.least
    while enough < effort.most and recall(enough) < target:
        enough = min(2 * enough, effort.most)
    too_few = max(enough // 2, effort.least - 1)
    while enough - too_few > max(1, enough // 32):
        middle = (too_few + enough) // 2
        if recall(middle) < target:
            too_few = middle
        else:
            enough = middle
    return enough
