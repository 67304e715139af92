"""A table of queries as tensors: every column once, from which the rows of a batch are gathered."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from pipelines import feature_arrays
from pipelines.bulk import query_sources
from serving import request_inputs, signatures
from tfrs_model import row_lists

_ARROW_TYPES = {
    tf.string: pa.string(),
    tf.float32: pa.float32(),
    tf.int64: pa.int64(),
    tf.int32: pa.int32(),
    tf.bool: pa.bool_(),
}


def require_inputs(
    column_names: Iterable[str], specs: Mapping[str, tf.TensorSpec], may_be_unread: Iterable[str] = ()
) -> list[str]:
    """Returns the names of the columns that are inputs of an export, and checks that the others may be left unread.

    Args:
      column_names: of the queries.
      specs: inputs of the export.
      may_be_unread: columns that this export need not know.

    Raises:
      QuerySourceError: if a column is no input.
    """
    names = list(column_names)
    known = {*specs, signatures.QUERY_ID, signatures.EXCLUDE_CANDIDATE_IDS, *may_be_unread}
    if strange := [name for name in names if name not in known]:
        raise query_sources.QuerySourceError(
            f"The queries have a column {strange[0]!r}, which is no input of the export; its inputs are "
            f"{', '.join(sorted(specs))}. Correct the name, or leave the column out."
        )
    return [name for name in names if name in specs and name != signatures.EXCLUDE_CANDIDATE_IDS]


def encoded(table: pa.Table) -> pa.Table:
    """Returns a table whose lists of texts hold each text once: what reads a column again need not compare texts.

    A null in place of a list becomes an empty list.
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
            lists = table[field.name].combine_chunks()
            lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
            splits = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
            texts = pc.list_flatten(lists).dictionary_encode()
            table = table.set_column(place, field.name, pa.ListArray.from_arrays(splits, texts))
    return table


def _as_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column as lists of texts, encoded ones as they are."""
    is_encoded = pa.types.is_list(column.type) and pa.types.is_dictionary(column.type.value_type)
    return column if is_encoded else column.cast(pa.list_(pa.string()))


def read_columns(
    table: pa.Table, names: Iterable[str], specs: Mapping[str, tf.TensorSpec]
) -> dict[str, feature_arrays.FeatureArray]:
    """Returns inputs of every row of a table; a null is a missing value, of a list an empty one.

    Args:
      table: the queries.
      names: columns that are inputs.
      specs: shape and dtype of inputs.

    Raises:
      QuerySourceError: if a column cannot be what the export takes.
    """
    return {name: _read_column(name, table[name], specs[name]) for name in names}


def _read_column(name: str, column: pa.ChunkedArray, spec: tf.TensorSpec) -> feature_arrays.FeatureArray:
    kind = _ARROW_TYPES[spec.dtype]
    wanted = pa.list_(kind) if spec.shape.rank == 2 else kind
    try:
        values = _as_texts(column) if wanted == pa.list_(pa.string()) else column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise query_sources.QuerySourceError(
            f"Column {name!r} of the queries must be {wanted}, but is {column.type} ({error}); write it as {wanted}."
        ) from error
    missing = request_inputs.missing_value(spec.dtype)
    if spec.shape.rank == 2:
        return feature_arrays.read_lists(_without_nulls(name, values))
    if spec.dtype == tf.string:
        return feature_arrays.read_texts(pc.fill_null(values, missing))
    return feature_arrays.Scalars(tf.constant(pc.fill_null(values, missing).to_numpy()))


def _without_nulls(name: str, lists: pa.ChunkedArray) -> pa.ChunkedArray:
    if pc.list_flatten(lists).null_count:
        raise query_sources.QuerySourceError(
            f"Lists of column {name!r} of the queries must hold no nulls, but some do; leave such elements out."
        )
    if not lists.null_count:
        return lists
    return pc.if_else(pc.is_null(lists), pa.scalar([], lists.type), lists)


class ExclusionReader:
    """Finds what queries exclude, as rows of an index.

    Args:
      candidate_ids: `[num_candidates]` bytes, the ids of the rows.
    """

    def __init__(self, candidate_ids: np.ndarray):
        self._ids = pa.array(candidate_ids, pa.binary()).cast(pa.string())

    @property
    def ids(self) -> pa.Array:
        """The ids of the rows."""
        return self._ids

    def read(self, column: pa.ChunkedArray) -> row_lists.RowLists:
        """Returns the rows of a column of lists of ids; ids that are not served are left out."""
        lists = _as_texts(column).combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
        return self.of_lists(lengths, pc.list_flatten(lists))

    def of_lists(self, lengths: np.ndarray, candidate_ids: pa.Array) -> row_lists.RowLists:
        """Returns the rows of ids that stand list after list; those that are not served are left out."""
        # Each id is looked up once, however many queries exclude it.
        encoded = candidate_ids.dictionary_encode()
        row_of_code = pc.fill_null(pc.index_in(encoded.dictionary, self._ids), -1).to_numpy()
        codes = pc.fill_null(encoded.indices, len(row_of_code)).to_numpy()
        rows = np.append(row_of_code, -1)[codes]
        is_served = rows >= 0
        owners = np.repeat(np.arange(len(lengths)), lengths)[is_served]
        counts = np.bincount(owners, minlength=len(lengths))
        return row_lists.RowLists(rows[is_served], np.concatenate([[0], np.cumsum(counts)]))


def joined(first: row_lists.RowLists, second: row_lists.RowLists) -> row_lists.RowLists:
    """Returns lists that hold the rows of both."""
    owners = np.concatenate([first.owners, second.owners])
    rows = np.concatenate([first.rows, second.rows])
    splits = np.concatenate([[0], np.cumsum(first.lengths + second.lengths)])
    return row_lists.RowLists(rows[np.argsort(owners, kind="stable")], splits)
