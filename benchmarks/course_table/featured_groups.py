"""Planted groups of which both sides have a feature, with queries and candidates that training does not see."""

import dataclasses

import numpy as np

from tfrs_model import model_config, row_lists
from tfrs_model import schema as schema_lib
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import query_states
from tfrs_model.diagnostics import planted_groups
from tfrs_model.feature_input import FeatureInput

GROUP = "group"
_PLANTED = planted_groups.PlantedGroups(num_groups=8, queries_per_group=100, candidates_per_group=40)
_NEW_QUERIES, _NEW_CANDIDATES = 20, 4


@dataclasses.dataclass(frozen=True)
class FeaturedGroups:
    """A log, and who and what is new to it: of each group the last 20 queries and the last 4 candidates.

    Attributes:
      chosen: what each query chose of the candidates that are not new.
      is_new_query: `[num_queries]` bool.
      is_new_candidate: `[num_candidates]` bool.
      query_groups: `[num_queries]` int64.
      candidate_groups: `[num_candidates]` int64.
    """

    chosen: row_lists.RowLists
    is_new_query: np.ndarray
    is_new_candidate: np.ndarray
    query_groups: np.ndarray
    candidate_groups: np.ndarray

    @classmethod
    def plant(cls, seed: int) -> "FeaturedGroups":
        """Draws what was chosen."""
        queries, candidates = _PLANTED.query_groups, _PLANTED.candidate_groups
        is_new_candidate = np.arange(len(candidates)) % 40 >= 40 - _NEW_CANDIDATES
        chosen = _PLANTED.chosen(seed)
        is_known = ~is_new_candidate[chosen.rows]
        lengths = np.bincount(chosen.owners[is_known], minlength=len(queries))
        known = row_lists.RowLists(chosen.rows[is_known], np.concatenate([[0], np.cumsum(lengths)]))
        return cls(known, np.arange(len(queries)) % 100 >= 100 - _NEW_QUERIES, is_new_candidate, queries, candidates)

    @property
    def candidate_ids(self) -> np.ndarray:
        """`[num_candidates]` strings."""
        return np.array([f"candidate-{i}" for i in range(len(self.candidate_groups))], object)

    def interactions(self) -> interactions_lib.Interactions:
        """Returns the log of the queries that are not new."""
        is_known = ~self.is_new_query[self.chosen.owners]
        size = int(is_known.sum())
        return interactions_lib.Interactions(
            self.chosen.owners[is_known],
            self.chosen.rows[is_known],
            np.zeros(size, np.int64),
            np.ones(size, np.float32),
            len(self.query_groups),
            len(self.candidate_groups),
        )

    def states(self, queries: np.ndarray, with_history: bool) -> query_states.QueryStates:
        """Returns queries as they ask, with all they chose or with nothing."""
        begin = self.chosen.splits[queries]
        end = self.chosen.splits[queries + 1] if with_history else begin
        return query_states.QueryStates(queries, begin, end, self.chosen.rows)

    def model_inputs(self) -> model_config.ModelInputs:
        """Returns what towers must know: the ids that are not new, and the feature of both sides."""
        names = tuple(map(str, range(_PLANTED.num_groups)))
        feature = FeatureInput(GROUP, "categorical", 8, vocabulary=names)
        known = self.candidate_ids[~self.is_new_candidate]
        return model_config.ModelInputs((), tuple(known.tolist()), (feature,), (feature,))

    def query_inputs(self, queries: np.ndarray, histories: list[np.ndarray], length: int) -> dict[str, np.ndarray]:
        """Returns what the query tower reads: histories filled at the front, and the feature."""
        ids = np.full([len(queries), length], "", object)
        for row, history in zip(ids, histories, strict=True):
            if len(history):
                row[-len(history) :] = self.candidate_ids[history]
        return {schema_lib.HISTORY: ids, GROUP: self.query_groups[queries].astype(str).astype(object)}

    def candidate_inputs(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what the candidate tower reads."""
        groups = self.candidate_groups[rows].astype(str).astype(object)
        return {schema_lib.CANDIDATE_ID: self.candidate_ids[rows], GROUP: groups}
