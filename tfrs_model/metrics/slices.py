"""What the answers to a part of the questions are worth."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.groupings import Grouping
from tfrs_model.metrics.intervals import Interval, mean_interval
from tfrs_model.metrics.resampling import NUM_DRAWS


@dataclasses.dataclass(frozen=True)
class Slice:
    """One group of questions, or of targets.

    Attributes:
      grouping: what the questions are grouped by.
      group: which of them these are.
      count: how many they are, also if none.
      metrics: mean and interval of each metric over them.
    """

    grouping: str
    group: str
    count: int
    metrics: Mapping[str, Interval]


def measure_slices(
    grouping: Grouping,
    values: Mapping[str, np.ndarray],
    owners: np.ndarray | None = None,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> list[Slice]:
    """Returns every group of a grouping with its count and what its answers are worth.

    No group is left out: a small one has a wide interval, see `mean_interval`, and an empty one the mean NaN and
    an interval from bound to bound.

    Args:
      grouping: of the questions, or of targets.
      values: metrics, each `[num_questions]`: of `relevance.measure` or `recommended.measure` for groups of questions,
        of `relevance.measure_targets` for groups of targets.
      owners: `[num_questions]` which query asks; for targets of questions with several, their question or query.
      bounds: between which every value of these metrics lies; those of `recommended` have others than 0 and 1: -1 and 1
        a similarity, 0 and the logarithm of all interactions a novelty. `None` as in `mean_interval`.
      confidence: share of samples whose interval shall hold the true mean.
      num_draws: of the bootstrap.
      seed: of the draws.

    Returns:
      One slice for each of `grouping.groups`, in their order.

    Raises:
      MetricsError: if a metric or the owners are not as many as the labels, or a value is not finite or
        out of bounds.
    """
    for name, each in {**values, **({} if owners is None else {"owners": owners})}.items():
        if len(each) != len(grouping.labels):
            raise MetricsError(
                f"{name} must have a value for each of the {len(grouping.labels)} labels of {grouping.name}, but "
                f"has {len(each)}; group targets where the values are those of targets."
            )
    slices = []
    for place, group in enumerate(grouping.groups):
        rows = np.flatnonzero(grouping.labels == place)
        some = None if owners is None else np.asarray(owners)[rows]
        metrics = {
            name: mean_interval(each[rows], some, bounds, confidence, num_draws, seed) for name, each in values.items()
        }
        slices.append(Slice(grouping.name, group, len(rows), metrics))
    return slices
