"""Exact ranking of the whole corpus, block of queries after block of queries."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

# 2**25 float32 scores are 128 MB; with the comparison beside them a block stays under half a gigabyte.
_MAX_SCORES_PER_BLOCK = 1 << 25
_EXCLUDED_SCORE = float(np.finfo(np.float32).min)


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
    num_queries, num_candidates = len(query_embeddings), len(candidate_embeddings)
    if not 1 <= k <= num_candidates:
        raise RankingError(f"k must be between 1 and the {num_candidates} candidates of the corpus, but is {k}.")
    for side, embeddings in (("query", query_embeddings), ("candidate", candidate_embeddings)):
        if not np.isfinite(embeddings).all():
            raise RankingError(f"Every {side} embedding must be finite, but some hold NaN or infinity; train again.")
    owners = np.repeat(np.arange(num_queries), np.diff(excluded_splits))
    if np.any(target_rows[owners] == excluded_rows):
        raise RankingError("A query excludes its own target, which then has no rank; drop such rows before ranking.")
    block_size = max(1, min(num_queries, _MAX_SCORES_PER_BLOCK // num_candidates))
    candidates = tf.constant(candidate_embeddings, tf.float32)
    ranks, top_rows = [], []
    for begin in range(0, num_queries, block_size):
        end = min(begin + block_size, num_queries)
        inside = slice(excluded_splits[begin], excluded_splits[end])
        positions = np.stack([owners[inside] - begin, excluded_rows[inside]], axis=1)
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
    scores = tf.matmul(queries, candidates, transpose_b=True)
    excluded = tf.fill(tf.shape(excluded_positions)[:1], _EXCLUDED_SCORE)
    scores = tf.tensor_scatter_nd_update(scores, excluded_positions, excluded)
    target_scores = tf.gather(scores, target_rows, batch_dims=1)
    at_least = scores >= target_scores[:, tf.newaxis]
    ranks = tf.math.count_nonzero(at_least, axis=1, dtype=tf.int64)
    top_scores, top_rows = tf.math.top_k(scores, k=k)
    top_rows = tf.where(top_scores > _EXCLUDED_SCORE, tf.cast(top_rows, tf.int64), -1)
    return ranks, top_rows
