"""Folding: answers from groups that a query has nothing to do with.

A model that is trained on positives alone is never told what does not belong together, so groups that never occur
together may land in one region, and then stand in each other's answers (Google, "Recommendation Systems", 2020,
sections "Matrix Factorization" and "Softmax Training").
"""

import dataclasses

import numpy as np

from tfrs_model import row_lists


class FoldingError(ValueError):
    """Groups or answers that have no foreign share; the message says which rule they break."""


@dataclasses.dataclass(frozen=True)
class PureQueries:
    """Queries that chose from one group, or nearly so.

    Attributes:
      rows: `[num_pure]` int64 positions among all queries, ascending.
      groups: `[num_pure]` int64, the group of each.
      shares: `[num_pure]` float64, the share of its interactions that is in its group.
    """

    rows: np.ndarray
    groups: np.ndarray
    shares: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: np.ndarray) -> "PureQueries":
        """Returns the queries at these positions, ascending ones."""
        return PureQueries(self.rows[positions], self.groups[positions], self.shares[positions])


@dataclasses.dataclass(frozen=True)
class ForeignShares:
    """How much of what each query is answered with comes from other groups than its own.

    Attributes:
      measured: `[num_queries]` float64 in [0, 1].
      chance: `[num_queries]` float64, what an order at random is expected to give: the share of foreign candidates
        among those that may be answered.
      forced: `[num_queries]` float64, the least that is possible, above 0 where fewer than k candidates of the
        own group may be answered.
    """

    measured: np.ndarray
    chance: np.ndarray
    forced: np.ndarray

    def summary(self) -> dict[str, float]:
        """Returns the means over queries."""
        names = {"foreign_share": self.measured, "chance": self.chance, "forced": self.forced}
        return {name: float(np.mean(values)) for name, values in names.items()}


def pure_queries(chosen: row_lists.RowLists, candidate_groups: np.ndarray, least_share: float = 1.0) -> PureQueries:
    """Finds the queries of which at least a share of the interactions is in one group; one without any is in none.

    Args:
      chosen: what each query chose, with repeats or without.
      candidate_groups: `[num_candidates]` int64 >= 0.
      least_share: in (.5, 1], so that no query has two groups; 1 asks for all interactions.

    Raises:
      FoldingError: if the share is out of its range, a group is negative, or no query is pure.
    """
    if not 0.5 < least_share <= 1.0:
        raise FoldingError(f"least_share must be in (.5, 1], a majority of the interactions, but is {least_share}.")
    if np.min(candidate_groups) < 0:
        raise FoldingError(f"Every candidate needs a group >= 0, but {np.sum(candidate_groups < 0)} have none.")
    lengths, num_groups = chosen.lengths, int(np.max(candidate_groups)) + 1
    keys = chosen.owners.astype(np.int64) * num_groups + candidate_groups[chosen.rows]
    pairs, counts = np.unique(keys, return_counts=True)
    owners = pairs // num_groups
    # A quotient, since 7 of 10 are less than .7 * 10 in floating point.
    shares = counts / lengths[owners]
    is_pure = shares >= least_share
    if not is_pure.any():
        raise FoldingError(
            f"No query has {least_share:.0%} of its interactions in one group, so nothing is foreign to any; lower the "
            "least share, or take coarser groups."
        )
    return PureQueries(owners[is_pure], pairs[is_pure] % num_groups, shares[is_pure])


def foreign_shares(
    top_rows: np.ndarray, own_groups: np.ndarray, candidate_groups: np.ndarray, excluded: row_lists.RowLists
) -> ForeignShares:
    """Measures how many of the answers are foreign.

    With four candidates of groups [0, 0, 1, 1], of which the first is excluded, a query of group 0 that is answered
    with rows [1, 2] has measured 1/2, chance 2/3 and forced 1/2.

    Args:
      top_rows: `[num_queries, k]` answers, no row twice.
      own_groups: `[num_queries]` the group of each query.
      candidate_groups: `[num_candidates]` int64.
      excluded: what each query may not be answered with, no row twice.

    Raises:
      FoldingError: if a query has fewer than k answers, or is answered with what is excluded.
    """
    if np.min(top_rows) < 0:
        raise FoldingError(
            f"Every query needs {top_rows.shape[1]} answers, but {np.sum(np.min(top_rows, axis=1) < 0)} have fewer; "
            "lower k, or exclude less."
        )
    num_queries, k = top_rows.shape
    num_candidates = len(candidate_groups)
    of_excluded = excluded.owners * num_candidates + excluded.rows
    if np.isin(np.arange(num_queries)[:, np.newaxis] * num_candidates + top_rows, of_excluded).any():
        raise FoldingError("A query is answered with a candidate that is excluded; rank with the same exclusions.")
    is_own_excluded = candidate_groups[excluded.rows] == own_groups[excluded.owners]
    num_own = np.bincount(candidate_groups, minlength=int(np.max(own_groups)) + 1)[own_groups]
    num_own = num_own - np.bincount(excluded.owners, weights=is_own_excluded, minlength=num_queries)
    return ForeignShares(
        measured=np.mean(candidate_groups[top_rows] != own_groups[:, np.newaxis], axis=1),
        chance=1.0 - num_own / (num_candidates - excluded.lengths),
        forced=np.maximum(0.0, 1.0 - num_own / k),
    )
