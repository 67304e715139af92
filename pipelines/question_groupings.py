"""What the questions of a split are grouped by, read from prepared data."""

from collections.abc import Sequence

import pyarrow as pa

from pipelines import job, offline_evaluation, prepared_data
from tfrs_model import schema as schema_lib
from tfrs_model.metrics import groupings

_IDS = (schema_lib.QUERY_ID, schema_lib.CANDIDATE_ID)


def of_questions(
    data: prepared_data.PreparedData, questions: offline_evaluation.Questions, columns: Sequence[str]
) -> list[groupings.Grouping]:
    """Returns the groupings of questions: whether the query is new, how long its history is, and columns of queries.

    Args:
      data: where the questions are from.
      questions: of a split.
      columns: of the query table, or of the moment; those of candidates group targets, see `of_targets`.
    """
    examples = questions.examples
    found = [
        groupings.by_newness_of_query(data.training_counts_of_queries()[examples.query_rows]),
        groupings.by_history_length(examples.history_end - examples.history_begin),
    ]
    for name in columns:
        if name in examples.context:
            found.append(groupings.by_column(name, examples.context[name].to_pylist()))
        elif name in data.queries.column_names:
            found.append(groupings.by_column(name, data.queries[name].take(examples.query_rows).to_pylist()))
    return found


def of_targets(
    data: prepared_data.PreparedData, questions: offline_evaluation.Questions, columns: Sequence[str]
) -> list[groupings.Grouping]:
    """Returns the groupings of targets: their popularity, whether they are new, and columns of candidates."""
    rows, counts = questions.target_rows, data.training_counts()
    return [
        groupings.by_popularity(rows, counts),
        groupings.by_newness_of_candidate(rows, counts),
        *(
            groupings.by_column(name, data.corpus[name].take(rows).to_pylist())
            for name in columns
            if name in data.corpus.column_names
        ),
    ]


def require_columns(
    data: prepared_data.PreparedData, questions: offline_evaluation.Questions, columns: Sequence[str]
) -> None:
    """Checks that questions or targets can be grouped by columns.

    Raises:
      ConfigError: if a column is in no table, in more than one, has lists of values, or is that of the ids.
    """
    context = questions.examples.context
    if ids := [name for name in columns if name in _IDS]:
        raise job.ConfigError(
            f"--slice_columns must name columns that group, but {ids[0]!r} has a value for each; who asked would stand "
            "in the evaluation and in the report. Name another column."
        )
    tables = {"the query table": data.queries, "the candidate table": data.corpus, "the moment": context}
    for name in columns:
        owners = [table for table, values in tables.items() if name in _names(values)]
        if len(owners) != 1:
            known = sorted({each for values in tables.values() for each in _names(values)} - set(_IDS))
            raise job.ConfigError(
                f"--slice_columns must name columns of one table each, of {', '.join(known)}, but {name!r} is "
                f"in {' and '.join(owners) or 'none of them'}."
            )
        column = tables[owners[0]][name]
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            raise job.ConfigError(
                f"--slice_columns must name columns of one value each, but {name!r} of {owners[0]} has lists."
            )


def _names(table: pa.Table | dict) -> list[str]:
    return list(table) if isinstance(table, dict) else table.column_names
