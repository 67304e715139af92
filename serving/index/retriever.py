"""Answers queries from an index under restrictions, and says when an answer is short because no more exist."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from serving.index import candidate_filter, candidate_index, depths, rare_branch, restrictions

# Scoring the 20,000 candidates of a posting list costs less than searching deep enough to find k of them.
_SCORED_AT_ONCE = 20_000
# How much deeper to search than k candidates would need if they passed at random.
_DEPTH_MARGIN = 1.5
_DEPTH_ADDED = 32


class Retrieved(NamedTuple):
    """Rows of the index, best first.

    Attributes:
      rows: `[num_queries, k]` int32, -1 where no more candidates may be answered.
      scores: `[num_queries, k]` float32, the lowest float32 where the row is -1.
    """

    rows: tf.Tensor
    scores: tf.Tensor


class Retriever(tf.Module):
    """Plans each query of a batch by how much of the corpus may be answered.

    - Without restrictions: the index as it is.
    - Few candidates may be answered (an allow-list, the posting list of a filter): they are scored exactly.
    - Many may: the index is searched as much deeper as k of them need if they are spread at random. What it
      finds is a beginning of the whole ranking, so k among them that pass are the k best. Where fewer pass, since
      filter and query disagree or more was excluded than was found, those that may be answered are scored exactly.

    So an answer is short only where the corpus holds no more, whatever the index finds.

    Args:
      index: the corpus.
      filters: what requests may filter by, in the order of the index' rows.
    """

    def __init__(self, index: candidate_index.CandidateIndex, filters: Sequence[candidate_filter.CandidateFilter] = ()):
        super().__init__(name="retriever")
        self.index = index
        self.filters = list(filters)

    def retrieve(
        self,
        query_embeddings: tf.Tensor,
        k: tf.Tensor | int,
        is_restricted: tf.Tensor | bool = False,
        restricted: Callable[[], restrictions.Restrictions] | None = None,
    ) -> Retrieved:
        """Returns the best candidates of the whole corpus, or of what restrictions leave of it.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` float32.
          k: how many, >= 1.
          is_restricted: scalar bool, whether there are restrictions.
          restricted: returns those of the same queries; needed if there may be some.

        Raises:
          ValueError: if there may be restrictions and none are given.
        """
        if restricted is None and is_restricted is not False:
            raise ValueError("What restricts the queries must be given where something may, but is None.")
        is_restricted = tf.convert_to_tensor(is_restricted)
        # One search in the open and one branch for all that is rare: a search inside a branch costs every request an
        # operation for each variable of the index. Restricted requests are searched for later, so here for nothing.
        searched = query_embeddings
        if restricted is not None:
            searched = query_embeddings[: tf.where(is_restricted, 0, tf.shape(query_embeddings)[0])]
        rows, scores = self.index.search_rows(searched, tf.minimum(k, self.index.max_depth))

        def finished() -> tuple[tf.Tensor, tf.Tensor]:
            if restricted is None:
                return self._completed(query_embeddings, k, rows, scores)
            return tf.cond(
                is_restricted,
                lambda: tuple(self.retrieve_under(query_embeddings, k, restricted())),
                lambda: self._completed(query_embeddings, k, rows, scores),
            )

        is_finished = tf.reduce_all(rows >= 0) & (tf.shape(rows)[1] == k) & ~is_restricted
        return Retrieved(*tf.cond(is_finished, lambda: (rows, tf.identity(scores)), rare_branch.rare(finished)))

    def _completed(
        self, query_embeddings: tf.Tensor, k: tf.Tensor | int, rows: tf.Tensor, scores: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores all for the queries that a search answered with too few."""
        depth = tf.minimum(k, self.index.num_candidates)
        found = _widened(rows, scores, depth)
        is_short = tf.reduce_any(found[0] < 0, axis=1)
        found = tf.cond(
            # A batch without queries has none that could be scored.
            tf.reduce_any(is_short),
            lambda: self._score_where(is_short, query_embeddings, None, depth, found),
            lambda: found,
        )
        return tuple(_padded(*found, k))

    def retrieve_under(
        self, query_embeddings: tf.Tensor, k: tf.Tensor | int, restricted: restrictions.Restrictions
    ) -> Retrieved:
        """Returns the best candidates that each query may be answered with.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` float32.
          k: how many, >= 1.
          restricted: the restrictions of the same queries.
        """
        depth = tf.minimum(k, self.index.num_candidates)
        search_depth = self._search_depth(restricted, depth)
        is_short = restricted.is_listed & (restricted.list_length <= _SCORED_AT_ONCE)
        # Where a search would have to go too deep, all that may be answered is scored.
        is_short |= search_depth > min(depths.MAX_DEPTH, self.index.max_depth)
        nothing = _nothing(tf.shape(query_embeddings)[0], depth)
        searched = tf.cond(
            tf.reduce_all(is_short),
            lambda: nothing,
            lambda: self._search_where(~is_short, query_embeddings, restricted, search_depth, depth, nothing),
        )
        is_unfinished = is_short | (searched[0][:, -1] < 0)
        found = tf.cond(
            tf.reduce_any(is_unfinished),
            lambda: self._score_where(is_unfinished, query_embeddings, restricted, depth, searched),
            lambda: searched,
        )
        return _padded(*found, k)

    def _search_where(
        self,
        chosen: tf.Tensor,
        query_embeddings: tf.Tensor,
        restricted: restrictions.Restrictions,
        search_depth: tf.Tensor,
        k: tf.Tensor,
        otherwise: tuple[tf.Tensor, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Searches for some of the queries, deep enough for what will not pass; the others keep what they have."""
        positions = tf.where(chosen)[:, 0]
        mine = restricted.of(positions)
        deepest = tf.maximum(k, tf.reduce_max(tf.gather(search_depth, positions)))
        found = self.index.search_rows(tf.gather(query_embeddings, positions), deepest)
        rows, scores = _widened(*found, deepest)
        is_found = (rows >= 0) & mine.passes(tf.maximum(rows, 0))
        best, order = tf.math.top_k(tf.where(is_found, scores, candidate_index.PADDING_SCORE), k)
        is_found = tf.gather(is_found, order, batch_dims=1)
        best_rows = tf.where(is_found, tf.gather(rows, order, batch_dims=1), -1)
        return _scattered(positions, best_rows, best, otherwise)

    def _search_depth(self, restricted: restrictions.Restrictions, k: tf.Tensor) -> tf.Tensor:
        """Returns how deep to search so that k candidates pass, if filters and queries know nothing of each other.

        Returns:
          `[num_queries]` int32, from k to the corpus.
        """
        needed = tf.cast(k + restricted.num_excluded, tf.float32)
        share = tf.maximum(restricted.passing_fraction, 1.0 / self.index.num_candidates)
        deep = tf.where(share < 1.0, needed / share * _DEPTH_MARGIN + _DEPTH_ADDED, needed)
        # In double precision: a float of 32 bits does not know every whole number beyond 16 million.
        return tf.cast(tf.minimum(tf.math.ceil(tf.cast(deep, tf.float64)), self.index.num_candidates), tf.int32)

    def _score_where(
        self,
        chosen: tf.Tensor,
        query_embeddings: tf.Tensor,
        restricted: restrictions.Restrictions | None,
        k: tf.Tensor,
        otherwise: tuple[tf.Tensor, tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores all that may be answered, exactly, one query after the other; the others keep what they have."""
        positions = tf.where(chosen)[:, 0]

        def score(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            embedding = tf.gather(query_embeddings, position)
            if restricted is None:
                return self._best_of(embedding, tf.range(self.index.num_candidates), None, k)
            mine = restricted.of(position[tf.newaxis])
            rows = mine.listed_rows()
            return self._best_of(embedding, rows, mine.passes(rows[tf.newaxis])[0], k)

        specs = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
        # One at a time: each may gather half of the corpus.
        rows, scores = tf.map_fn(score, positions, fn_output_signature=specs, parallel_iterations=1)
        return _scattered(positions, rows, scores, otherwise)

    def _best_of(
        self, embedding: tf.Tensor, rows: tf.Tensor, passes: tf.Tensor | None, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the k best of some rows, in order of rows where scores are equal."""
        if passes is not None:
            rows = tf.boolean_mask(rows, passes)
        num_rows = tf.size(rows)
        scores = tf.cond(
            # Reading everything in order is faster than picking a good part of it.
            num_rows > self.index.num_candidates // 2,
            lambda: tf.gather(self.index.scores_of_all(embedding), rows),
            lambda: tf.linalg.matvec(self.index.vectors_of(rows), embedding),
        )
        best, order = tf.math.top_k(scores, tf.minimum(k, num_rows))
        missing = [[0, k - tf.size(best)]]
        return (
            tf.pad(tf.gather(rows, order), missing, constant_values=-1),
            tf.pad(best, missing, constant_values=candidate_index.PADDING_SCORE),
        )


def _nothing(num_queries: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    shape = [num_queries, k]
    return tf.fill(shape, -1), tf.fill(shape, candidate_index.PADDING_SCORE)


def _scattered(
    positions: tf.Tensor, rows: tf.Tensor, scores: tf.Tensor, otherwise: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    indices = positions[:, tf.newaxis]
    return (
        tf.tensor_scatter_nd_update(otherwise[0], indices, rows),
        tf.tensor_scatter_nd_update(otherwise[1], indices, scores),
    )


def _widened(rows: tf.Tensor, scores: tf.Tensor, width: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns as many columns, what is missing being no row."""
    missing = [[0, 0], [0, width - tf.shape(rows)[1]]]
    return tf.pad(rows, missing, constant_values=-1), tf.pad(scores, missing)


def _padded(rows: tf.Tensor, scores: tf.Tensor, k: tf.Tensor | int) -> Retrieved:
    missing = [[0, 0], [0, k - tf.shape(rows)[1]]]
    rows = tf.pad(rows, missing, constant_values=-1)
    scores = tf.pad(
        tf.where(rows[:, : tf.shape(scores)[1]] >= 0, scores, candidate_index.PADDING_SCORE),
        missing,
        constant_values=candidate_index.PADDING_SCORE,
    )
    return Retrieved(rows, scores)
