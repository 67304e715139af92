"""What the questions of a split are grouped by, read from prepared data."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipelines import job, offline_evaluation, prepared_data
from tfrs_model import schema as schema_lib
from tfrs_model.metrics import groupings

# As sentences name them.
_QUERIES, _CANDIDATES, _MOMENT = "the query table", "the candidate table", "the moment"
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
    return [
        groupings.by_newness_of_query(data.training_counts_of_queries()[examples.query_rows]),
        groupings.by_history_length(examples.history_end - examples.history_begin),
        *_by_columns(data, questions, columns, {_QUERIES: examples.query_rows, _MOMENT: None}),
    ]


def of_targets(
    data: prepared_data.PreparedData, questions: offline_evaluation.Questions, columns: Sequence[str]
) -> list[groupings.Grouping]:
    """Returns the groupings of targets: their popularity, whether they are new, and columns of candidates."""
    rows, counts = questions.target_rows, data.training_counts()
    return [
        groupings.by_popularity(rows, counts),
        groupings.by_newness_of_candidate(rows, counts),
        *_by_columns(data, questions, columns, {_CANDIDATES: rows}),
    ]


def require_columns(
    data: prepared_data.PreparedData, questions: offline_evaluation.Questions, columns: Sequence[str]
) -> None:
    """Checks that questions or targets can be grouped by columns.

    Raises:
      ConfigError: if a column is in no table, in more than one, has lists of values, or is that of the ids.
    """
    if ids := [name for name in columns if name in _IDS]:
        raise job.ConfigError(
            f"--slice_columns must name columns that group, but {ids[0]!r} has a value for each; who asked would stand "
            "in the evaluation and in the report. Name another column."
        )
    tables = _tables(data, questions)
    for name in columns:
        owners = _owners(tables, name)
        if len(owners) != 1:
            known = sorted({each for columns_of_table in tables.values() for each in columns_of_table} - set(_IDS))
            raise job.ConfigError(
                f"--slice_columns must name columns of one table each, of {', '.join(known)}, but {name!r} is "
                f"in {' and '.join(owners) or 'none of them'}."
            )
        column = tables[owners[0]][name]
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            raise job.ConfigError(
                f"--slice_columns must name columns of one value each, but {name!r} of {owners[0]} has lists."
            )


def _by_columns(
    data: prepared_data.PreparedData,
    questions: offline_evaluation.Questions,
    columns: Sequence[str],
    rows_of: Mapping[str, np.ndarray | None],
) -> list[groupings.Grouping]:
    """Returns the groupings by those columns that are of these tables, each with the rows that are grouped, or all."""
    tables, found = _tables(data, questions), []
    for name in columns:
        (owner,) = _owners(tables, name)
        if owner in rows_of:
            column, rows = tables[owner][name], rows_of[owner]
            found.append(groupings.by_column(name, (column if rows is None else column.take(rows)).to_pylist()))
    return found


def _tables(data: prepared_data.PreparedData, questions: offline_evaluation.Questions) -> dict[str, Mapping]:
    """Returns the tables that have columns to group by, each as columns by name."""
    return {
        _QUERIES: dict(zip(data.queries.column_names, data.queries.columns, strict=True)),
        _CANDIDATES: dict(zip(data.corpus.column_names, data.corpus.columns, strict=True)),
        _MOMENT: questions.examples.context,
    }


def _owners(tables: Mapping[str, Mapping], name: str) -> list[str]:
    """Returns the tables that have a column of this name."""
    return [table for table, columns in tables.items() if name in columns]
