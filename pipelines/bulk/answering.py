"""Answers a batch of queries from an export: the best k rows of each, without those that it excludes."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from serving import bulk_retrieval
from tfrs_model import row_lists

# How much deeper than k the first search goes where something is excluded. An index finds a fourth more with the effort
# of k, and of what a query excludes little is among its best.
_ROOM = 0.25
# Lists up to this length are compared column by column, longer ones by a search among sorted keys.
_COMPARED = 64


@dataclasses.dataclass(frozen=True)
class Answers:
    """What the queries of a batch are answered with.

    Attributes:
      rows: int32 rows of the index, query after query, best first.
      scores: float32 score of each.
      lengths: `[num_queries]` how many each has; below k only where no more may be answered.
    """

    rows: np.ndarray
    scores: np.ndarray
    lengths: np.ndarray


def answer(
    export: bulk_retrieval.BulkRetrieval,
    inputs: Mapping[str, tf.Tensor],
    excluded: row_lists.RowLists,
    k: int,
) -> Answers:
    """Answers queries.

    A search finds the beginning of a query's ranking, so the first k of it that are not excluded are the k best.
    Queries whose search found fewer than k of these, though more may be answered, are searched for again, as much
    deeper as they exclude.

    Args:
      export: what answers.
      inputs: raw inputs of the queries, and texts that restrict them.
      excluded: rows that each query is not answered with.
      k: the most answers of a query.
    """
    embeddings = export.embed(inputs)
    restricting = {name: inputs[name] for name in export.restricting if name in inputs}
    num_candidates = len(export.candidate_ids)
    room = int(k * _ROOM) if len(excluded.rows) else 0
    rows, scores = export.find(embeddings, min(k + room, num_candidates), restricting)
    if not len(excluded.rows):
        return _flat(rows, scores)
    best, best_scores, is_unfinished = _without(rows, scores, excluded, k)
    unfinished = np.flatnonzero(is_unfinished & (rows.shape[1] < num_candidates))
    if len(unfinished):
        mine = excluded.take(unfinished)
        depth = min(k + int(mine.lengths.max()), num_candidates)
        restricting = {name: tf.gather(texts, unfinished) for name, texts in restricting.items()}
        deeper = export.find(tf.gather(embeddings, unfinished), depth, restricting)
        best[unfinished], best_scores[unfinished], _ = _without(*deeper, mine, k)
    return _flat(best, best_scores)


def _without(
    rows: np.ndarray, scores: np.ndarray, excluded: row_lists.RowLists, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the first k that are not excluded, -1 for none, and for whom a deeper search may find more."""
    is_answer = ~_are_among(rows, excluded)
    is_answer &= rows >= 0
    places = np.cumsum(is_answer, axis=1, dtype=np.int32)
    is_answer &= places <= k
    # Both masks are true as often in each query, so its answers move up in their order.
    is_filled = np.arange(k) < places[:, -1:]
    best = np.full([len(rows), k], -1, np.int32)
    best_scores = np.zeros([len(rows), k], np.float32)
    best[is_filled] = rows[is_answer]
    best_scores[is_filled] = scores[is_answer]
    return best, best_scores, (best[:, -1] < 0) & (rows[:, -1] >= 0)


def _are_among(rows: np.ndarray, lists: row_lists.RowLists) -> np.ndarray:
    """Returns which of `[num_queries, depth]` rows are in their query's list."""
    lengths = lists.lengths
    found = np.zeros(rows.shape, bool)
    is_long = lengths > _COMPARED
    width = int(np.max(lengths, where=~is_long, initial=0))
    for column in range(width):
        # The list of a query that has fewer is compared with -2, which no row is.
        has = (lengths > column) & ~is_long
        members = np.where(has, lists.rows[np.where(has, lists.splits[:-1] + column, 0)], -2)
        found |= rows == members[:, np.newaxis].astype(rows.dtype)
    if is_long.any():
        chosen = np.flatnonzero(is_long)
        found[chosen] = _are_among_many(rows[chosen], lists.take(chosen))
    return found


def _are_among_many(rows: np.ndarray, lists: row_lists.RowLists) -> np.ndarray:
    span = np.int64(max(rows.max(initial=0), lists.rows.max(initial=0)) + 2)
    keys = np.sort(lists.owners * span + lists.rows)
    wanted = np.arange(len(rows))[:, np.newaxis] * span + rows
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return (keys[places] == wanted) & (rows >= 0)


def _flat(rows: np.ndarray, scores: np.ndarray) -> Answers:
    is_answer = rows >= 0
    return Answers(rows[is_answer], scores[is_answer], is_answer.sum(axis=1))
