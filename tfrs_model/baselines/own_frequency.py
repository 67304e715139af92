"""What a query chose before, most often first: the opponent of every model that may repeat itself."""

import dataclasses

import numpy as np

from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import query_states, scorer


class OwnCounts(scorer.Scorer):
    """Scores by a query's own history first.

    Args:
      counts: `[num_candidates]` interactions of everybody, which order what a query chose equally often.
    """

    def __init__(self, counts: np.ndarray):
        self._counts = counts

    def scores(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, num_candidates]` counts in the history, and below the unit a share of popularity."""
        scores = np.empty([len(states), len(self._counts)], np.float32)
        share = self._counts / (self._counts.sum() + 1)
        for row, history in zip(scores, states.histories(), strict=True):
            row[:] = np.bincount(history, minlength=len(share)) + share
        return scores


@dataclasses.dataclass(frozen=True)
class OwnFrequency:
    """Ranks by how often the query itself chose a candidate, then by how often everybody did."""

    def fit(self, interactions: interactions_lib.Interactions) -> OwnCounts:
        """Counts everybody's interactions; a query's own are read from its history when it asks."""
        return OwnCounts(interactions.counts)
