"""Groups of the candidates of prepared data: by a column, or by who is chosen together."""

import pyarrow as pa

from pipelines import prepared_data
from pipelines.comparison import questions
from tfrs_model.diagnostics import co_occurrence_groups
from tfrs_model.metrics import groupings

_NOBODY_CHOSE = "(nobody chose)"


class CandidateGroupsError(ValueError):
    """A column that gives no groups; the message says why."""


def by_column(corpus: pa.Table, name: str) -> groupings.Grouping:
    """Groups candidates by the value of a column; those without one, or with an empty one, are a group of their own.

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
    values = [None if each == "" else each for each in corpus[name].to_pylist()]
    return groupings.by_column(name, values, max_groups=max(2, len(values)))


def by_co_occurrence(data: prepared_data.PreparedData, num_groups: int) -> groupings.Grouping:
    """Finds groups that few queries of the training split choose from two of; see `co_occurrence_groups`."""
    labels = co_occurrence_groups.co_occurrence_groups(questions.training_interactions(data), num_groups)
    names = (*(f"group {i + 1}" for i in range(num_groups)), _NOBODY_CHOSE)
    return groupings.Grouping("co-occurrence", names, labels)
