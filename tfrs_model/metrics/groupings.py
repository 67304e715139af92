"""How questions, or the targets of questions, fall into named groups.

Popularity and newness of candidates belong to targets. A question with targets in several groups belongs to none
of them: group its targets, with the values of `relevance.measure_targets`, and own each by its question or
query. Where each question has one target, the groups of targets are groups of questions, for any metric.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.popularity import NUM_DECILES, popularity_deciles

# Each bucket begins where the history is about four times as long as where the last one began: the
# tenth interaction tells more about a query than the hundredth.
_HISTORY_BEGINS = (0, 1, 5, 20, 100)
_MISSING = "(missing)"


@dataclasses.dataclass(frozen=True)
class Grouping:
    """A name for each of some questions, or targets.

    Attributes:
      name: what they are grouped by.
      groups: all names that there are, also those of groups that are empty.
      labels: `[num_questions]` int64, the place in `groups` of each.

    Raises:
      MetricsError: if a label is the place of no group.
    """

    name: str
    groups: tuple[str, ...]
    labels: np.ndarray

    def __post_init__(self) -> None:
        outside = np.sum((self.labels < 0) | (self.labels >= len(self.groups)))
        if outside:
            raise MetricsError(f"Labels of {self.name} must be below {len(self.groups)}, but {outside} are not.")


def by_popularity(target_rows: np.ndarray, counts: np.ndarray) -> Grouping:
    """Groups targets by the tenth of the corpus that they belong to; `1` is the most popular.

    Args:
      target_rows: `[num_targets]` corpus rows.
      counts: `[num_candidates]` training interactions of each candidate, see `popularity_deciles`.
    """
    names = tuple(str(decile + 1) for decile in range(NUM_DECILES))
    return Grouping("popularity_decile", names, popularity_deciles(counts)[target_rows])


def by_newness_of_candidate(target_rows: np.ndarray, counts: np.ndarray) -> Grouping:
    """Groups targets `[num_targets]` into `new`, without any of the `counts` of training interactions, and `known`."""
    return Grouping("candidate", ("new", "known"), (np.asarray(counts)[target_rows] > 0).astype(np.int64))


def by_newness_of_query(num_training_interactions: np.ndarray) -> Grouping:
    """Groups questions, `[num_questions]`, into `new`, whose query has no training interactions, and `known`."""
    return Grouping("query", ("new", "known"), (np.asarray(num_training_interactions) > 0).astype(np.int64))


def by_history_length(lengths: np.ndarray) -> Grouping:
    """Groups questions, `[num_questions]`, by the interactions visible to them: `0`, `1-4`, `5-19`, `20-99`, `100+`."""
    ends = [end - 1 for end in _HISTORY_BEGINS[1:]]
    between = [str(a) if a == b else f"{a}-{b}" for a, b in zip(_HISTORY_BEGINS, ends, strict=False)]
    labels = np.searchsorted(_HISTORY_BEGINS, lengths, side="right") - 1
    return Grouping("history_length", (*between, f"{_HISTORY_BEGINS[-1]}+"), labels)


def by_column(name: str, column: Sequence | np.ndarray, max_groups: int = 20) -> Grouping:
    """Groups questions by what a column says of them, the most frequent value first.

    Args:
      name: of the column.
      column: `[num_questions]` values; `None` and NaN are one group, `(missing)`.
      max_groups: at most so many; of more values the rarest are one group, which says how many values it holds.

    Raises:
      MetricsError: if `max_groups` is below 2, or a value is called `(missing)`.
    """
    if max_groups < 2:
        raise MetricsError(f"A column needs at least 2 groups, one for what is left over, but max_groups={max_groups}.")
    texts = np.array([_MISSING if each is None or each != each else str(each) for each in column], np.str_)
    if any(isinstance(each, str) and each == _MISSING for each in column):
        raise MetricsError(f"Column {name} has the value {_MISSING}, which stands for none; write it another way.")
    values, places, counts = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.arange(len(values))
    names = [str(each) for each in values[order]]
    if len(names) > max_groups:
        names = [*names[: max_groups - 1], f"({len(names) - max_groups + 1} rarer values)"]
    return Grouping(name, tuple(names), np.minimum(ranks[places], len(names) - 1))
