"""Batches of queries, ready to be asked: raw inputs as tensors, and what each query excludes."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from pipelines.bulk import exclusion_files, query_columns, query_sources
from serving import bulk_retrieval, signatures
from tfrs_model import row_lists


@dataclasses.dataclass(frozen=True)
class Batch:
    """Neighbouring queries.

    Attributes:
      query_ids: of the queries.
      inputs: tensors by name, a row for each query.
      excluded: rows of the index that each is not answered with.
    """

    query_ids: pa.Array
    inputs: dict[str, tf.Tensor]
    excluded: row_lists.RowLists


class BatchReader:
    """Reads queries for an export.

    Args:
      source: the queries.
      export: what they are asked.
      exclude_history: whether a query is not answered with what is in its history.
      exclusions: more that is excluded, or `None`.
      batch_size: queries of a batch.

    Raises:
      QuerySourceError: if a column of the queries is no input of the export.
    """

    def __init__(
        self,
        source: query_sources.QuerySource,
        export: bulk_retrieval.BulkRetrieval,
        exclude_history: bool,
        exclusions: exclusion_files.ExclusionFiles | None,
        batch_size: int,
    ):
        self._source, self._exclusions, self._batch_size = source, exclusions, batch_size
        self._specs = export.input_specs
        self._names = query_columns.require_inputs(source.column_names, self._specs, source.optional_columns)
        self._reader = query_columns.ExclusionReader(export.candidate_ids)
        excluding = [signatures.EXCLUDE_CANDIDATE_IDS, *([signatures.HISTORY] if exclude_history else [])]
        self._excluding = [name for name in excluding if name in source.column_names]

    @property
    def ids(self) -> pa.Array:
        """The candidate ids by row."""
        return self._reader.ids

    @property
    def missing(self) -> Sequence[str]:
        """Inputs of the query tower that the queries do not have, which are then unknown."""
        restricting = (signatures.EXCLUDE_CANDIDATE_IDS, signatures.ALLOW_CANDIDATE_IDS, signatures.USE_PRECOMPUTED)
        given = {*self._names, *restricting}
        return [name for name in self._specs if name not in given and not name.startswith(signatures.FILTER_PREFIX)]

    def batches(self, begin: int, end: int) -> Iterator[Batch]:
        """Yields the queries from `begin` to `end - 1`, in order."""
        for table in self._source.tables(begin, end):
            query_ids = query_sources.require_ids(table)
            table = query_columns.encoded(table)
            columns = query_columns.read_columns(table, self._names, self._specs)
            excluded = self._excluded(table, query_ids)
            for first in range(0, len(table), self._batch_size):
                last = min(first + self._batch_size, len(table))
                rows = tf.range(first, last, dtype=tf.int64)
                inputs = {name: column.gather(rows) for name, column in columns.items()}
                yield Batch(query_ids[first:last], inputs, excluded[first:last])

    def _excluded(self, table: pa.Table, query_ids: pa.Array) -> row_lists.RowLists:
        found = [self._reader.read(table[name]) for name in self._excluding]
        if self._exclusions is not None:
            found.append(self._exclusions.read(query_ids, self._reader))
        if not found:
            return row_lists.RowLists(np.zeros(0, np.int32), np.zeros(len(table) + 1, np.int64))
        joined = found[0]
        for each in found[1:]:
            joined = query_columns.joined(joined, each)
        return joined
