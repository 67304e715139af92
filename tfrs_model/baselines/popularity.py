"""The same answer for everybody: what was chosen most often."""

import dataclasses

import numpy as np

from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import query_states, scorer


class SameForAll(scorer.InnerProductScorer):
    """Answers everybody alike, as a product of width one.

    Args:
      candidate_scores: `[num_candidates]` numbers; counts up to 2**24 are exact in float32.
    """

    def __init__(self, candidate_scores: np.ndarray):
        self._embeddings = candidate_scores.astype(np.float32)[:, np.newaxis]

    @property
    def candidate_embeddings(self) -> np.ndarray:
        """`[num_candidates, 1]` float32, the scores."""
        return self._embeddings

    def embed_queries(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, 1]` ones."""
        return np.ones([len(states), 1], np.float32)


@dataclasses.dataclass(frozen=True)
class Popularity:
    """Ranks by how often a candidate was chosen; weights do not count."""

    def fit(self, interactions: interactions_lib.Interactions) -> SameForAll:
        """Counts all interactions."""
        return SameForAll(interactions.counts)
