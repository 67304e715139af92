"""Where queries come from: Parquet files of raw inputs, or prepared data; both as tables with a column per input."""

import glob
import pathlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import artifacts, prepared_data
from serving import signatures
from tfrs_model import row_lists
from tfrs_model import schema as schema_lib

_ROWS_PER_TABLE = 65_536


class QuerySourceError(ValueError):
    """Queries that cannot be read."""


class QuerySource(Protocol):
    """Queries in a fixed order.

    Attributes:
      num_queries: how many.
      sha256: differs whenever a query does.
      column_names: names of the columns: ids, and inputs of the export.
      optional_columns: of them, those that an export need not read.
    """

    num_queries: int
    sha256: str
    column_names: list[str]
    optional_columns: tuple[str, ...]

    def tables(self, begin: int, end: int) -> Iterator[pa.Table]:
        """Yields the queries from `begin` to `end - 1` in tables of bounded size."""


class ParquetQueries:
    """Queries of Parquet files, one after the other in the order of their names.

    Args:
      pattern: a path, a glob, or several with commas between.

    Raises:
      QuerySourceError: if there are no files, or they are no Parquet files with a query id and the same columns.
    """

    optional_columns = ()

    def __init__(self, pattern: str):
        self._paths = matching("query_files", pattern)
        try:
            self._files = [pq.ParquetFile(path) for path in self._paths]
        except pa.ArrowInvalid as error:
            raise QuerySourceError(f"--query_files={pattern}: a file is no Parquet file ({error}).") from error
        self.column_names = self._files[0].schema_arrow.names
        for path, file in zip(self._paths, self._files, strict=True):
            if set(file.schema_arrow.names) != set(self.column_names):
                raise QuerySourceError(
                    f"{path} has other columns than {self._paths[0]}; all files of --query_files need the same."
                )
        if signatures.QUERY_ID not in self.column_names:
            raise QuerySourceError(
                f"{self._paths[0]} has no column {signatures.QUERY_ID!r}, by which answers are told apart; it has "
                f"{', '.join(self.column_names)}."
            )
        self.num_queries = sum(file.metadata.num_rows for file in self._files)
        self.sha256 = artifacts.sha256_of_json([artifacts.sha256_of_file(path) for path in self._paths])

    def tables(self, begin: int, end: int) -> Iterator[pa.Table]:
        """Yields the queries from `begin` to `end - 1`; of what lies before only the row group of `begin` is read."""
        first = 0
        for file in self._files:
            for number in range(file.num_row_groups):
                num_rows = file.metadata.row_group(number).num_rows
                if first < end and begin < first + num_rows:
                    yield from self._of_group(file, number, begin - first, end - first)
                first += num_rows

    def _of_group(self, file: pq.ParquetFile, number: int, begin: int, end: int) -> Iterator[pa.Table]:
        first = 0
        batches = file.iter_batches(_ROWS_PER_TABLE, row_groups=[number], columns=self.column_names)
        for batch in batches:
            low, high = (min(max(each - first, 0), len(batch)) for each in (begin, end))
            chosen = batch.slice(low, high - low)
            if len(chosen):
                yield pa.Table.from_batches([chosen])
            first += len(batch)
            if first >= end:
                return


class PreparedQueries:
    """Every query of a prepared log as it stands at the log's end, with all that it chose as its history.

    Args:
      data: the prepared data.
    """

    # Not every model reads them.
    optional_columns = (signatures.HISTORY, signatures.HISTORY_TIMESTAMPS, signatures.MOMENT)

    def __init__(self, data: prepared_data.PreparedData):
        self._data = data
        self._states = data.newest_states()
        self.num_queries = len(self._states)
        self.sha256 = data.manifest_sha256
        self.column_names = self._table(0, 0).column_names

    def tables(self, begin: int, end: int) -> Iterator[pa.Table]:
        """Yields the queries from `begin` to `end - 1`."""
        for first in range(begin, end, _ROWS_PER_TABLE):
            yield self._table(first, min(first + _ROWS_PER_TABLE, end))

    def _table(self, begin: int, end: int) -> pa.Table:
        states = self._states.take(np.arange(begin, end))
        columns = {name: self._data.queries[name] for name in self._data.queries.column_names}
        columns = {name: values.take(pa.array(states.query_rows)) for name, values in columns.items()}
        columns |= states.context
        spans = states.history_begin, states.history_end
        chosen = row_lists.RowLists.of_slices(states.sequence, *spans)
        columns[signatures.HISTORY] = _as_lists(chosen, self._data.corpus[schema_lib.CANDIDATE_ID].combine_chunks())
        moments = row_lists.RowLists.of_slices(states.sequence_timestamps, *spans)
        columns[signatures.HISTORY_TIMESTAMPS] = pa.ListArray.from_arrays(
            pa.array(moments.splits.astype(np.int32)), pa.array(moments.rows.astype(np.int64))
        )
        columns[signatures.MOMENT] = pa.array(states.timestamps.astype(np.int64))
        return pa.table(columns)


def _as_lists(rows: row_lists.RowLists, ids: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(rows.splits.astype(np.int32)), ids.take(pa.array(rows.rows)))


def matching(flag: str, pattern: str) -> list[pathlib.Path]:
    """Returns the files that a flag names, sorted: a path, a glob, or several with commas between.

    Raises:
      QuerySourceError: if a part names no file.
    """
    parts = [part.strip() for part in pattern.split(",") if part.strip()]
    found = {pathlib.Path(path) for part in parts for path in glob.glob(part) or [part]}
    for path in sorted(found):
        if not path.is_file():
            raise QuerySourceError(f"--{flag} names {path}, which is no file; correct the path.")
    return sorted(found)


def require_ids(table: pa.Table) -> pa.Array:
    """Returns the query ids of a table.

    Raises:
      QuerySourceError: if one is missing.
    """
    ids = pc.cast(table[signatures.QUERY_ID], pa.string()).combine_chunks()
    if ids.null_count:
        raise QuerySourceError(f"Every query needs an id, but {ids.null_count} have none; give each one.")
    return ids
