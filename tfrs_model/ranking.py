"""Exact ranking of the whole corpus, block of questions after block of questions."""

import concurrent.futures
import dataclasses
import math
import os
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfrs_model import ranked_block, row_lists

# 2**27 float32 scores are half a gigabyte: so many questions at a time that reading the corpus for each block
# costs little beside its product. With half as many the product of a million candidates takes a third longer.
MAX_SCORES_PER_BLOCK = 1 << 27
# Half the range of float32: rounding takes no sum of products beyond the range.
_MAX_SCORE = float(np.finfo(np.float32).max) / 2

OnBlock = Callable[[int], None] | None
# Returns `[end - begin, num_candidates]` float32 scores of the questions from `begin` to `end - 1`.
ScoreBlock = Callable[[int, int], np.ndarray]
# Ranks the questions from `begin` to `end - 1`, given the places of their targets and exclusions.
_RankBlock = Callable[[int, int, np.ndarray, np.ndarray], tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]]


class RankingError(ValueError):
    """Embeddings, scores or rows that cannot be ranked; the message says which rule they break."""


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Where each target stands among all candidates, and what stands on top.

    A target stands behind all other candidates that score the same, so a constant model ranks every target last.

    Attributes:
      target_ranks: `[num_targets]` int64; 1 is the top. Ranks of one question differ: among themselves, targets of the
        same score stand in the order of their rows.
      target_splits: `[num_questions + 1]` int64 bounds of each question's targets.
      top_rows: `[num_questions, k]` int64 corpus rows, best first, lower rows first among equals but for targets; -1
        where fewer candidates than k are left after exclusion.
    """

    target_ranks: np.ndarray
    target_splits: np.ndarray
    top_rows: np.ndarray

    @property
    def first_ranks(self) -> np.ndarray:
        """`[num_questions]` int64 rank of each question's best target, of which each must have one."""
        return (
            np.minimum.reduceat(self.target_ranks, self.target_splits[:-1]) if len(self.top_rows) else self.target_ranks
        )


def rank_by_embeddings(
    query_embeddings: np.ndarray,
    candidate_embeddings: np.ndarray,
    targets: row_lists.RowLists,
    excluded: row_lists.RowLists,
    k: int,
    on_block: OnBlock = None,
) -> Ranking:
    """Ranks every candidate for every question by inner product; nothing is sampled.

    Args:
      query_embeddings: `[num_questions, embedding_dim]` float32.
      candidate_embeddings: `[num_candidates, embedding_dim]` float32.
      targets: corpus rows of each question's held-out candidates, none twice for a question; there may be none.
      excluded: corpus rows that each question is not to be answered with.
      k: how many of the best to return, at most `num_candidates`.
      on_block: called with the number of questions done in each block.

    Returns:
      Ranks and top candidates.

    Raises:
      RankingError: if an embedding is not finite or too large, k is out of range, or a question excludes its own
        target.
    """
    num_candidates = len(candidate_embeddings)
    _require_rankable(targets, excluded, len(query_embeddings), num_candidates, k)
    _require_finite_products(query_embeddings, candidate_embeddings)
    width = _chunk_width(num_candidates, k)
    num_added = -num_candidates % width
    candidates = tf.constant(np.pad(candidate_embeddings, ((0, num_added), (0, 0))), tf.float32)
    added = num_candidates + np.arange(num_added)

    def rank_block(begin: int, end: int, targeted: np.ndarray, left_out: np.ndarray) -> tuple[tf.Tensor, ...]:
        # What fills the last chunk is no candidate.
        filling = np.stack(np.meshgrid(np.arange(end - begin), added, indexing="ij"), axis=-1).reshape(-1, 2)
        left_out = np.concatenate([left_out, filling])
        return ranked_block.rank_products(query_embeddings[begin:end], candidates, targeted, left_out, k, width)

    return _rank(rank_block, targets, excluded, num_candidates, k, on_block)


def rank_by_scores(
    scores: ScoreBlock,
    num_candidates: int,
    targets: row_lists.RowLists,
    excluded: row_lists.RowLists,
    k: int,
    on_block: OnBlock = None,
) -> Ranking:
    """Ranks every candidate for every question by scores of any origin.

    Args:
      scores: returns those of a block of questions for every candidate.
      num_candidates: in the corpus.
      targets: as for `rank_by_embeddings`, and so are the other arguments.
      excluded: corpus rows that each question is not to be answered with.
      k: how many of the best to return.
      on_block: called with the number of questions done in each block.

    Returns:
      Ranks and top candidates.

    Raises:
      RankingError: as `rank_by_embeddings`, and if a score is not finite.
    """
    _require_rankable(targets, excluded, len(targets), num_candidates, k)
    width = _chunk_width(num_candidates, k)

    def rank_block(begin: int, end: int, targeted: np.ndarray, left_out: np.ndarray) -> tuple[tf.Tensor, ...]:
        block = np.asarray(scores(begin, end), np.float32)
        if not np.isfinite(block).all():
            raise RankingError("Every score must be finite, but some are NaN or infinite; fit the model again.")
        filled = np.pad(block, ((0, 0), (0, -num_candidates % width)), constant_values=-math.inf)
        return ranked_block.rank_scores(filled, targeted, left_out, k, width)

    return _rank(rank_block, targets, excluded, num_candidates, k, on_block)


def _rank(
    rank_block: _RankBlock,
    targets: row_lists.RowLists,
    excluded: row_lists.RowLists,
    num_candidates: int,
    k: int,
    on_block: OnBlock,
) -> Ranking:
    ranks, top_rows = [np.zeros([0], np.int64)], [np.zeros([0, k], np.int64)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:

        def rank(begin: int, end: int) -> None:
            # In a function of its own, so that the scores of a block are gone before those of the next come.
            own, left_out = targets[begin:end], excluded[begin:end].distinct()
            # As arrays that share the memory of the tensors; their method `numpy` would copy it.
            *counted, rows = map(np.asarray, rank_block(begin, end, _positions(own), _positions(left_out)))
            ranks.append(_ranks(*counted, own, left_out, num_candidates, threads))
            top_rows.append(rows)

        for begin, end in _blocks(len(targets), num_candidates):
            rank(begin, end)
            if on_block is not None:
                on_block(end - begin)
    return Ranking(np.concatenate(ranks), targets.splits, np.concatenate(top_rows))


def _ranks(
    scores: np.ndarray,
    target_scores: np.ndarray,
    excluded_scores: np.ndarray,
    targets: row_lists.RowLists,
    excluded: row_lists.RowLists,
    num_candidates: int,
    threads: concurrent.futures.Executor,
) -> np.ndarray:
    """Returns the rank of each target of a block."""
    ranks = np.empty(len(targets.rows), np.int64)

    def rank(question: int) -> None:
        own, left_out = targets.bounds(question), excluded.bounds(question)
        values, row = target_scores[own], scores[question, :num_candidates]
        # Row by row, a comparison stays in the processor's cache. As good is before, but for the target itself.
        num_before = np.array([np.count_nonzero(row >= value) for value in values], np.int64)
        for others in (values, excluded_scores[left_out]):
            num_before -= np.sum(others >= values[:, np.newaxis], axis=1)
        num_before[np.lexsort([targets.rows[own], -values])] += np.arange(len(values))
        ranks[own] = 1 + num_before

    # NumPy compares without Python's lock.
    for _ in threads.map(rank, range(len(targets))):
        pass
    return ranks


def _require_rankable(
    targets: row_lists.RowLists, excluded: row_lists.RowLists, num_questions: int, num_candidates: int, k: int
) -> None:
    if not len(targets) == len(excluded) == num_questions:
        raise RankingError(
            f"Each of the {num_questions} questions must have a list of targets and one of exclusions, but there are "
            f"{len(targets)} and {len(excluded)}."
        )
    if not 1 <= k <= num_candidates:
        raise RankingError(f"k must be between 1 and the {num_candidates} candidates of the corpus, but is {k}.")
    keys = (each.owners * num_candidates + each.rows for each in (targets, excluded))
    if np.isin(*keys).any():
        raise RankingError("A query excludes its own target, which then has no rank; drop such rows before ranking.")


def _require_finite_products(query_embeddings: np.ndarray, candidate_embeddings: np.ndarray) -> None:
    """Refuses lengths whose product, which bounds every score and every partial sum of one, leaves float32."""
    longest = []
    for side, embeddings in (("query", query_embeddings), ("candidate", candidate_embeddings)):
        if not np.isfinite(embeddings).all():
            raise RankingError(f"Every {side} embedding must be finite, but some hold NaN or infinity; train again.")
        longest.append(np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64)).max(initial=0.0))
    if np.prod(longest) > _MAX_SCORE:
        raise RankingError(
            "Some scores may not be finite although the embeddings are: they are too large; train again."
        )


def _chunk_width(num_candidates: int, k: int) -> int:
    """Returns how many neighbouring candidates form a chunk.

    There are `num_candidates / width` maxima to choose k from, then `k * width` candidates: fewest together where the
    width is `sqrt(num_candidates / k)`.
    """
    return 1 << round(math.log2(math.sqrt(num_candidates / k)))


def _blocks(num_questions: int, num_candidates: int) -> Iterator[tuple[int, int]]:
    """Yields the bounds of blocks of questions whose scores fit into memory."""
    block_size = max(1, min(num_questions, MAX_SCORES_PER_BLOCK // num_candidates))
    for begin in range(0, num_questions, block_size):
        yield begin, min(begin + block_size, num_questions)


def _positions(lists: row_lists.RowLists) -> np.ndarray:
    """Returns `[n, 2]` int64 places of the rows in the scores of a block."""
    return np.stack([lists.owners, lists.rows], axis=1).astype(np.int64)
