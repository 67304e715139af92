"""A log with planted groups that never occur together."""

import dataclasses

import numpy as np

from tfrs_model import row_lists, seeds
from tfrs_model.baselines import interactions as interactions_lib


class PlantedGroupsError(ValueError):
    """A parameter out of its range; the message names it."""


@dataclasses.dataclass(frozen=True)
class PlantedGroups:
    """Draws a log in which each query chooses from one group, all candidates of which are alike to it.

    Query q is of group q // `queries_per_group`, candidate c of group c // `candidates_per_group`, and each query
    chooses `chosen_per_query` different candidates of its own group, all sets of so many equally likely. So the truth
    is known: an answer from another group is wrong, and within the group there is nothing to learn.

    Attributes:
      num_groups: >= 2.
      queries_per_group: >= 1.
      candidates_per_group: >= 1.
      chosen_per_query: in [1, `candidates_per_group`].

    Raises:
      PlantedGroupsError: if a parameter is out of its range.
    """

    num_groups: int = 8
    queries_per_group: int = 60
    candidates_per_group: int = 40
    chosen_per_query: int = 10

    def __post_init__(self) -> None:
        for name, least in (("num_groups", 2), ("queries_per_group", 1), ("candidates_per_group", 1)):
            if getattr(self, name) < least:
                raise PlantedGroupsError(f"{name} must be >= {least}, but is {getattr(self, name)}.")
        if not 1 <= self.chosen_per_query <= self.candidates_per_group:
            raise PlantedGroupsError(
                f"chosen_per_query must be in [1, {self.candidates_per_group}], the candidates of a group, but is "
                f"{self.chosen_per_query}."
            )

    @property
    def query_groups(self) -> np.ndarray:
        """`[num_queries]` int64."""
        return np.repeat(np.arange(self.num_groups), self.queries_per_group)

    @property
    def candidate_groups(self) -> np.ndarray:
        """`[num_candidates]` int64."""
        return np.repeat(np.arange(self.num_groups), self.candidates_per_group)

    def chosen(self, seed: int) -> row_lists.RowLists:
        """Returns what each query chose, a function of the seed."""
        generator = np.random.default_rng(seeds.derive_seed(seed, "diagnostics/planted_groups"))
        num_queries = len(self.query_groups)
        order = generator.random([num_queries, self.candidates_per_group]).argsort(axis=1)
        first = self.query_groups[:, np.newaxis] * self.candidates_per_group
        rows = first + np.sort(order[:, : self.chosen_per_query], axis=1)
        return row_lists.RowLists(rows.ravel(), np.arange(num_queries + 1) * self.chosen_per_query)

    def interactions(self, seed: int) -> interactions_lib.Interactions:
        """Returns the same as a log in which every time is 0 and every weight 1."""
        chosen = self.chosen(seed)
        return interactions_lib.Interactions(
            query_rows=chosen.owners,
            candidate_rows=chosen.rows,
            timestamps=np.zeros(len(chosen.rows), np.int64),
            weights=np.ones(len(chosen.rows), np.float32),
            num_queries=len(self.query_groups),
            num_candidates=len(self.candidate_groups),
        )
