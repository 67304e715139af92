"""Every interaction of a slice as a target, asked with the history before it; those of one moment are one question."""

import dataclasses

import numpy as np

from pipelines import offline_evaluation, prepared_data
from tfrs_model import ranking, row_lists

K = 20


@dataclasses.dataclass(frozen=True)
class Moments:
    """What is asked: a query at a moment, and all that it chose then, new to it or not; nothing is excluded.

    Attributes:
      examples: the first interaction of each moment; simultaneous ones have the same history.
      targets: corpus rows of all interactions, moment after moment.
      owners: `[num_interactions]` id of the query of each.
    """

    examples: prepared_data.Examples
    targets: row_lists.RowLists
    owners: np.ndarray

    def is_hit(self, query_embeddings: np.ndarray, candidate_embeddings: np.ndarray) -> np.ndarray:
        """Returns `[num_interactions]` whether each target is among the first `K` of the whole corpus.

        Args:
          query_embeddings: `[num_moments, embedding_dim]`.
          candidate_embeddings: `[num_candidates, embedding_dim]`.
        """
        nothing = row_lists.RowLists.empty(len(self.examples))
        k = min(K, len(candidate_embeddings))
        ranked = ranking.rank_by_embeddings(query_embeddings, candidate_embeddings, self.targets, nothing, k)
        return ranked.target_ranks <= K

    def is_hit_by(self, embedder: offline_evaluation.Embedder) -> np.ndarray:
        """Returns the same for a model."""
        return self.is_hit(embedder.queries(self.examples), embedder.corpus())

    def is_hit_by_counts(self, counts: np.ndarray) -> np.ndarray:
        """Returns the same for `[num_candidates]` numbers that rank alike for everybody."""
        ones = np.ones([len(self.examples), 1], np.float32)
        return self.is_hit(ones, counts.astype(np.float32)[:, np.newaxis])


def moments_of(data: prepared_data.PreparedData) -> Moments:
    """Returns the questions of the test split, whose interactions come query after query in the order of time."""
    examples = data.examples("test")
    is_first = np.ones(len(examples), bool)
    is_first[1:] = (np.diff(examples.query_rows) != 0) | (np.diff(examples.timestamps) != 0)
    starts = np.flatnonzero(is_first)
    splits = np.append(starts, len(examples))
    query_ids = np.array(data.queries["query_id"].to_pylist())
    return Moments(
        examples=examples.take(starts),
        targets=row_lists.RowLists(examples.candidate_rows.astype(np.int64), splits),
        owners=query_ids[examples.query_rows],
    )
