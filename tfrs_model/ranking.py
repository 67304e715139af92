"""Exact ranking of the whole corpus, block of queries after block of queries."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

# 2**25 float32 scores are 128 MB; with the comparison beside them a block stays under half a gigabyte.
_MAX_SCORES_PER_BLOCK = 1 << 25
_EXCLUDED_SCORE = float(np.finfo(np.float32).min)
# Half the range of float32: rounding takes no sum of products beyond the range.
_MAX_SCORE = float(np.finfo(np.float32).max) / 2
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


class RankingError(ValueError):
    """Embeddings or rows that cannot be ranked; the message says which rule they break."""


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Where each target stands among all candidates.

    Attributes:
      ranks: `[num_queries]` int64; 1 is the top. Candidates that score the same as
        the target stand before it, so a constant model ranks last.
      top_rows: `[num_queries, k]` int64 corpus rows, best first; -1 where fewer
        candidates than k are left after exclusion.
    """

    ranks: np.ndarray
    top_rows: np.ndarray


@dataclasses.dataclass(frozen=True)
class TargetsRanking:
    """What is recommended to queries with several targets each.

    Attributes:
      first_ranks: `[num_queries]` int64, where the best of each query's targets stands; 1 is the top.
      top_rows: `[num_queries, k]` int64 corpus rows, best first; -1 where fewer candidates than k
        are left after exclusion. Targets stand behind other candidates that score the same, so a
        constant model finds nothing.
    """

    first_ranks: np.ndarray
    top_rows: np.ndarray


def rank_corpus(
    query_embeddings: np.ndarray,
    candidate_embeddings: np.ndarray,
    target_rows: np.ndarray,
    excluded_rows: np.ndarray,
    excluded_splits: np.ndarray,
    k: int,
    on_block: Callable[[int], None] | None = None,
) -> Ranking:
    """Ranks every candidate for every query by inner product; nothing is sampled.

    Args:
      query_embeddings: `[num_queries, embedding_dim]` float32.
      candidate_embeddings: `[num_candidates, embedding_dim]` float32.
      target_rows: `[num_queries]` corpus row of each query's held-out candidate.
      excluded_rows: `[num_exclusions]` corpus rows not to rank, query after query.
      excluded_splits: `[num_queries + 1]` int64; query i excludes
        `excluded_rows[excluded_splits[i]:excluded_splits[i + 1]]`.
      k: how many of the best to return, at most `num_candidates`.
      on_block: called with the number of queries done in each block.

    Returns:
      Ranks and top candidates.

    Raises:
      RankingError: if an embedding is not finite, k is out of range or a query
        excludes its own target.
    """
    _require_rankable(query_embeddings, candidate_embeddings, k)
    num_queries, num_candidates = len(query_embeddings), len(candidate_embeddings)
    owners = np.repeat(np.arange(num_queries), np.diff(excluded_splits))
    if np.any(target_rows[owners] == excluded_rows):
        raise RankingError("A query excludes its own target, which then has no rank; drop such rows before ranking.")
    candidates = tf.constant(candidate_embeddings, tf.float32)
    ranks, top_rows = [], []
    for begin, end in _blocks(num_queries, num_candidates):
        positions = _positions(owners, excluded_rows, excluded_splits, begin, end)
        block = _rank_block(query_embeddings[begin:end], candidates, target_rows[begin:end], positions, tf.constant(k))
        ranks.append(block[0].numpy())
        top_rows.append(block[1].numpy())
        if on_block is not None:
            on_block(end - begin)
    if ranks and min(block.min() for block in ranks) < 1:
        raise RankingError("Some scores are not finite although the embeddings are: they are too large; train again.")
    if not ranks:
        return Ranking(np.zeros([0], np.int64), np.zeros([0, k], np.int64))
    return Ranking(np.concatenate(ranks), np.concatenate(top_rows))


def rank_for_targets(
    query_embeddings: np.ndarray,
    candidate_embeddings: np.ndarray,
    target_rows: np.ndarray,
    target_splits: np.ndarray,
    excluded_rows: np.ndarray,
    excluded_splits: np.ndarray,
    k: int,
    on_block: Callable[[int], None] | None = None,
) -> TargetsRanking:
    """Ranks every candidate once for each query, which has any number of targets; nothing is sampled.

    Args:
      query_embeddings: `[num_queries, embedding_dim]` float32.
      candidate_embeddings: `[num_candidates, embedding_dim]` float32.
      target_rows: `[num_targets]` corpus rows of the held-out candidates, query after query.
      target_splits: `[num_queries + 1]` int64; query i has the targets
        `target_rows[target_splits[i]:target_splits[i + 1]]`, at least one.
      excluded_rows: `[num_exclusions]` corpus rows not to rank, query after query.
      excluded_splits: `[num_queries + 1]` int64 bounds of each query's exclusions.
      k: how many of the best to return, at most `num_candidates`.
      on_block: called with the number of queries done in each block.

    Returns:
      Top candidates, and the rank of each query's first target.

    Raises:
      RankingError: if an embedding is not finite or too large, k is out of range, or a query
        has no target or excludes one.
    """
    _require_rankable(query_embeddings, candidate_embeddings, k)
    _require_finite_products(query_embeddings, candidate_embeddings)
    num_queries, num_candidates = len(query_embeddings), len(candidate_embeddings)
    if np.any(np.diff(target_splits) < 1):
        raise RankingError("Every query must have a target, but some have none; drop such queries before ranking.")
    targeting, excluding = (
        np.repeat(np.arange(num_queries), np.diff(each)) for each in (target_splits, excluded_splits)
    )
    if np.isin(targeting * num_candidates + target_rows, excluding * num_candidates + excluded_rows).any():
        raise RankingError("A query excludes its own target, which then has no rank; drop such rows before ranking.")
    candidates = tf.constant(candidate_embeddings, tf.float32)
    first_ranks, top_rows = [np.zeros([0], np.int64)], [np.zeros([0, k], np.int64)]
    for begin, end in _blocks(num_queries, num_candidates):
        targets = _positions(targeting, target_rows, target_splits, begin, end)
        excluded = _positions(excluding, excluded_rows, excluded_splits, begin, end)
        block = _rank_block_for_targets(query_embeddings[begin:end], candidates, targets, excluded, tf.constant(k))
        first_ranks.append(block[0].numpy())
        top_rows.append(block[1].numpy())
        if on_block is not None:
            on_block(end - begin)
    return TargetsRanking(np.concatenate(first_ranks), np.concatenate(top_rows))


def _require_rankable(query_embeddings: np.ndarray, candidate_embeddings: np.ndarray, k: int) -> None:
    num_candidates = len(candidate_embeddings)
    if not 1 <= k <= num_candidates:
        raise RankingError(f"k must be between 1 and the {num_candidates} candidates of the corpus, but is {k}.")
    for side, embeddings in (("query", query_embeddings), ("candidate", candidate_embeddings)):
        if not np.isfinite(embeddings).all():
            raise RankingError(f"Every {side} embedding must be finite, but some hold NaN or infinity; train again.")


def _require_finite_products(query_embeddings: np.ndarray, candidate_embeddings: np.ndarray) -> None:
    """Refuses lengths whose product, which bounds every score and every partial sum of one, leaves float32."""
    lengths = (
        np.linalg.norm(embeddings.astype(np.float64), axis=1).max(initial=0.0)
        for embeddings in (query_embeddings, candidate_embeddings)
    )
    if np.prod(list(lengths)) > _MAX_SCORE:
        raise RankingError(
            "Some scores may not be finite although the embeddings are: they are too large; train again."
        )


def _blocks(num_queries: int, num_candidates: int) -> Iterator[tuple[int, int]]:
    """Yields the bounds of blocks of queries whose scores fit into memory."""
    block_size = max(1, min(num_queries, _MAX_SCORES_PER_BLOCK // num_candidates))
    for begin in range(0, num_queries, block_size):
        yield begin, min(begin + block_size, num_queries)


def _positions(owners: np.ndarray, rows: np.ndarray, splits: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Returns `[n, 2]` int64 places of the rows of queries `begin` to `end - 1` in the scores of that block."""
    inside = slice(splits[begin], splits[end])
    return np.stack([owners[inside] - begin, rows[inside]], axis=1).astype(np.int64)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([], tf.int32),
    ]
)
def _rank_block(queries, candidates, target_rows, excluded_positions, k):
    scores = _scores(queries, candidates, excluded_positions)
    target_scores = tf.gather(scores, target_rows, batch_dims=1)
    at_least = scores >= target_scores[:, tf.newaxis]
    ranks = tf.math.count_nonzero(at_least, axis=1, dtype=tf.int64)
    return ranks, _top_rows(scores, k)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([], tf.int32),
    ]
)
def _rank_block_for_targets(queries, candidates, target_positions, excluded_positions, k):
    scores = _scores(queries, candidates, excluded_positions)
    # The next lower number puts a target behind its equals. Next to 0 it would be flushed to 0.
    target_scores = tf.gather_nd(scores, target_positions)
    below = tf.minimum(tf.math.nextafter(target_scores, tf.float32.min), target_scores - _SMALLEST_NORMAL)
    scores = tf.tensor_scatter_nd_update(scores, target_positions, below)
    best = tf.math.segment_max(below, target_positions[:, 0])
    first_ranks = 1 + tf.math.count_nonzero(scores > best[:, tf.newaxis], axis=1, dtype=tf.int64)
    return first_ranks, _top_rows(scores, k)


def _scores(queries: tf.Tensor, candidates: tf.Tensor, excluded_positions: tf.Tensor) -> tf.Tensor:
    scores = tf.matmul(queries, candidates, transpose_b=True)
    excluded = tf.fill(tf.shape(excluded_positions)[:1], _EXCLUDED_SCORE)
    return tf.tensor_scatter_nd_update(scores, excluded_positions, excluded)


def _top_rows(scores: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """Returns `[num_queries, k]` int64 candidates, best first; -1 where only excluded ones are left."""
    top_scores, top_rows = tf.math.top_k(scores, k=k)
    return tf.where(top_scores > _EXCLUDED_SCORE, tf.cast(top_rows, tf.int64), -1)
