"""Groups of the candidates of prepared data: by a column, or by who is chosen together."""

import dataclasses

import numpy as np
import pyarrow as pa

from pipelines import prepared_data
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.diagnostics import co_occurrence_groups

_MISSING = "(missing)"
_NOBODY_CHOSE = "(nobody chose)"


class CandidateGroupsError(ValueError):
    """A column that gives no groups; the message says why."""


@dataclasses.dataclass(frozen=True)
class CandidateGroups:
    """A group for each candidate.

    Attributes:
      labels: `[num_candidates]` int64, places in `names`.
      names: `[num_groups]` strings.
    """

    labels: np.ndarray
    names: tuple[str, ...]


def by_column(corpus: pa.Table, name: str) -> CandidateGroups:
    """Groups candidates by the value of a column; those without one are a group of their own.

    Raises:
      CandidateGroupsError: if there is no such column, or it holds lists, by which a candidate is in several groups.
    """
    if name not in corpus.column_names:
        raise CandidateGroupsError(
            f"--group_column must be a column of the candidates, {', '.join(corpus.column_names)}, but is {name!r}."
        )
    if pa.types.is_list(corpus[name].type):
        raise CandidateGroupsError(
            f"--group_column={name} holds several values for a candidate, which would be in several groups; name a "
            "column of single values, or find groups with --num_co_occurrence_groups."
        )
    texts = [_MISSING if each in (None, "") else str(each) for each in corpus[name].to_pylist()]
    names, labels = np.unique(np.array(texts, np.str_), return_inverse=True)
    return CandidateGroups(labels, tuple(names.tolist()))


def by_co_occurrence(data: prepared_data.PreparedData, num_groups: int) -> CandidateGroups:
    """Finds groups that few queries of the training split choose from two of; see `co_occurrence_groups`."""
    examples = data.examples("train")
    interactions = interactions_lib.Interactions(
        query_rows=examples.query_rows,
        candidate_rows=examples.candidate_rows,
        timestamps=examples.timestamps,
        weights=examples.weights,
        num_queries=data.queries.num_rows,
        num_candidates=data.corpus.num_rows,
    )
    labels = co_occurrence_groups.co_occurrence_groups(interactions, num_groups)
    return CandidateGroups(labels, (*(f"group {i + 1}" for i in range(num_groups)), _NOBODY_CHOSE))
