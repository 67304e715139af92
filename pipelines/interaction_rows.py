"""The interactions of prepared data in memory: rows of the query table and of the corpus in place of ids.

A log of 20 million interactions holds a million different ids. They are read as
dictionaries, each looked up once, so that the log never stands in memory as text.
"""

import pathlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfrs_model import schema as schema_lib

QUERY_ROW, CANDIDATE_ROW = "query_row", "candidate_row"

_SPLIT, _HISTORY_END = "split", "history_end"


def read_interaction_rows(
    path: pathlib.Path, query_ids: pa.ChunkedArray, candidate_ids: pa.ChunkedArray, splits: Sequence[str]
) -> pa.Table:
    """Reads an interactions file, its ids as rows and its splits as numbers.

    Args:
      path: the Parquet file that preparation wrote.
      query_ids: the ids of the query table, in order.
      candidate_ids: the ids of the corpus, in order.
      splits: names of the splits; a split's number is its position.

    Returns:
      The rows in file order: `query_row` and `candidate_row` int32, `split` int8, `history_end` int32 (int64 beyond
      two thousand million interactions), and every other column as it is. Numbers are in one chunk each; text and
      lists are in one for each row group, since 2 GiB of text are the most that a chunk can hold.

    Raises:
      ArrowException: if the file is no Parquet, or names an id or a split that is not among those given.
    """
    numbers = {
        schema_lib.QUERY_ID: (QUERY_ROW, query_ids, np.int32),
        schema_lib.CANDIDATE_ID: (CANDIDATE_ROW, candidate_ids, np.int32),
        _SPLIT: (_SPLIT, pa.chunked_array([pa.array(splits, pa.string())]), np.int8),
    }
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    # Column by column: what one takes to read is free again before the next.
    with pq.ParquetFile(path, read_dictionary=list(numbers)) as file:
        for name, (target, values, dtype) in numbers.items():
            columns[target] = pa.array(_numbers_of(file.read([name]).column(0), values, dtype))
        for name in file.schema_arrow.names:
            if name not in numbers:
                columns[name] = _column(file, name)
        # No history is longer than the log.
        position = pa.int32() if file.metadata.num_rows <= np.iinfo(np.int32).max else pa.int64()
        columns[_HISTORY_END] = columns[_HISTORY_END].cast(position)
    return pa.table(columns)


def take(column: pa.ChunkedArray, rows: np.ndarray) -> pa.ChunkedArray:
    """Returns the values at these positions, in this order; text and lists with 64-bit offsets.

    What is taken from puts the chunks together first, and with the 32-bit offsets of `string` and `list` that fails
    from 2 GiB on.
    """
    return column.cast(_with_large_offsets(column.type)).take(pa.array(rows))


def _with_large_offsets(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_string(dtype):
        return pa.large_string()
    if pa.types.is_list(dtype):
        return pa.large_list(_with_large_offsets(dtype.value_type))
    return dtype


def _numbers_of(encoded: pa.ChunkedArray, values: pa.ChunkedArray, dtype: type[np.integer]) -> np.ndarray:
    """Returns the position in `values` of each element; every entry of a chunk's dictionary is looked up once."""
    chunks = [chunk for chunk in encoded.chunks if len(chunk)]
    # One look-up for the dictionaries of all chunks, since each builds a hash table of the values.
    entries = pa.chunked_array([chunk.dictionary for chunk in chunks], pa.string())
    positions = pc.index_in(entries, value_set=values.combine_chunks())
    if positions.null_count or encoded.null_count:
        raise pa.ArrowInvalid(f"it holds an id or a split that is not one of the {len(values):,} known")
    positions = positions.to_numpy().astype(dtype)
    numbers, row, entry = np.empty(len(encoded), dtype), 0, 0
    for chunk in chunks:
        of_chunk = positions[entry : entry + len(chunk.dictionary)]
        np.take(of_chunk, chunk.indices.to_numpy(), out=numbers[row : row + len(chunk)])
        row, entry = row + len(chunk), entry + len(chunk.dictionary)
    return numbers


def _column(file: pq.ParquetFile, name: str) -> pa.Array | pa.ChunkedArray:
    dtype = file.schema_arrow.field(name).type
    if pa.types.is_primitive(dtype):
        return file.read([name]).column(0).combine_chunks()
    # Group by group: lists read at once must fit into one chunk, or the reader gives up.
    groups = (file.read_row_group(group, [name]).column(0) for group in range(file.num_row_groups))
    return pa.chunked_array([chunk for group in groups for chunk in group.chunks], dtype)
