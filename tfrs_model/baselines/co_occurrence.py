"""What was chosen together with what a query chose: the item-to-item neighbourhood."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import query_states, scorer

NORMALISATIONS = ("cosine", "jaccard", "conditional")


class Neighbours(scorer.Scorer):
    """Scores by the neighbours of what is in the history, each candidate of it once.

    Args:
      rows: `[num_candidates, num_neighbours]` integers, candidate rows, the best first.
      weights: `[num_candidates, num_neighbours]` float32; 0 where a candidate has fewer neighbours.
    """

    def __init__(self, rows: np.ndarray, weights: np.ndarray):
        self._rows = rows
        self._weights = weights

    def cut(self, num_neighbours: int) -> "Neighbours":
        """Returns what scores by the best so many of each candidate, as if no more had been kept."""
        return Neighbours(self._rows[:, :num_neighbours], self._weights[:, :num_neighbours])

    def scores(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, num_candidates]` float32; 0 for what is no neighbour of the history."""
        num_candidates = len(self._rows)
        scores = np.empty([len(states), num_candidates], np.float32)
        for row, history in zip(scores, states.histories(), strict=True):
            chosen = np.unique(history)
            neighbours, weights = self._rows[chosen].ravel(), self._weights[chosen].ravel()
            row[:] = np.bincount(neighbours, weights, minlength=num_candidates)
        return scores


@dataclasses.dataclass(frozen=True)
class CoOccurrence:
    """Ranks by how often a candidate was chosen by those who chose what the query chose.

    With c[i, j] the number of queries that chose both i and j, and c[i] those that chose i, a candidate j is worth
    to a query the sum over the i of its history of (Deshpande and Karypis, TOIS 2004, sec. 4; Linden et al., IEEE
    Internet Computing 2003)

        cosine       c[i, j] / sqrt(c[i] c[j])
        jaccard      c[i, j] / (c[i] + c[j] - c[i, j])
        conditional  c[i, j] / c[i]

    With c[i] = 4, c[j] = 1 and c[i, j] = 1 these are .5, .25 and .25. Memory: 12 bytes for each of
    `num_candidates * num_neighbours`; the time grows with the sum of the squares of how much each query chose.

    Attributes:
      normalisation: one of `NORMALISATIONS`.
      num_neighbours: the best that each candidate keeps, >= 1; more than there are keep all.

    Raises:
      InteractionsError: if a parameter is out of its range.
    """

    normalisation: str = "cosine"
    num_neighbours: int = 200

    def __post_init__(self) -> None:
        if self.normalisation not in NORMALISATIONS:
            raise interactions_lib.InteractionsError(
                f"normalisation must be one of {', '.join(NORMALISATIONS)}, but is {self.normalisation!r}."
            )
        if self.num_neighbours < 1:
            raise interactions_lib.InteractionsError(f"num_neighbours must be >= 1, but is {self.num_neighbours}.")

    def fit(
        self, interactions: interactions_lib.Interactions, on_candidate: Callable[[], object] = lambda: None
    ) -> Neighbours:
        """Finds the neighbours of every candidate, exactly; equals keep the order of the corpus.

        `on_candidate` is called after each candidate that was chosen.
        """
        num_candidates = interactions.num_candidates
        width = min(self.num_neighbours, num_candidates)
        rows, weights = np.zeros([num_candidates, width], np.int64), np.zeros([num_candidates, width], np.float32)
        _, candidates, _ = interactions.pairs()
        counts = np.bincount(candidates, minlength=num_candidates)
        for own, together, both in interactions.chosen_together():
            is_other = together != own
            found = together[is_other]
            worth = self._worth(both[is_other], counts[own], counts[found])
            best = np.argsort(-worth, kind="stable")[:width]
            rows[own, : len(best)], weights[own, : len(best)] = found[best], worth[best]
            on_candidate()
        return Neighbours(rows, weights)

    def _worth(self, both: np.ndarray, own: int, other: np.ndarray) -> np.ndarray:
        if self.normalisation == "cosine":
            return both / np.sqrt(own * other)
        return both / (own + other - both if self.normalisation == "jaccard" else own)
