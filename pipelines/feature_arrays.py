"""Prepared feature columns held as arrays, from which the rows of a batch are gathered.

Text is held once per value and as an int32 code per row, lists one after the
other with the positions where they start: neither grows with the longest value
or list of a large table.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from tfrs_model import schema as schema_lib


class FeatureArray(Protocol):
    """One model input of every row of a table."""

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the input of `[n]` int64 rows; its first dimension is n."""


@dataclasses.dataclass(frozen=True)
class Scalars:
    """One number or string per row.

    Attributes:
      values: `[num_rows]`.
    """

    values: tf.Tensor

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns `rows`' values, in the shape of `rows`."""
        return tf.gather(self.values, rows)


@dataclasses.dataclass(frozen=True)
class Texts:
    """One string per row, of which many repeat.

    Attributes:
      distinct: `[num_distinct]` strings.
      codes: `[num_rows]` int32 positions in `distinct`.
    """

    distinct: tf.Tensor
    codes: tf.Tensor

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns `rows`' strings, in the shape of `rows`."""
        return tf.gather(self.distinct, tf.gather(self.codes, rows))


@dataclasses.dataclass(frozen=True)
class Lists:
    """A list of numbers or strings per row.

    Attributes:
      elements: of all lists, one after the other, and at the end what fills short ones.
      row_splits: `[num_rows + 1]` int64, where each list starts and the last one ends.
    """

    elements: Scalars | Texts
    row_splits: tf.Tensor

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns `[n, length]`, short lists filled at their end; length is the longest of these n, at least 1."""
        begin, end = tf.gather(self.row_splits, rows), tf.gather(self.row_splits, rows + 1)
        # Of no rows the maximum is the least integer.
        length = tf.maximum(tf.reduce_max(end - begin), 1)
        positions = begin[:, tf.newaxis] + tf.range(length)
        # The last list ends where what fills starts.
        return self.elements.gather(tf.where(positions < end[:, tf.newaxis], positions, self.row_splits[-1]))


def read_features(
    table: pa.Table | Mapping[str, pa.ChunkedArray], features: Iterable[schema_lib.Feature]
) -> dict[str, FeatureArray]:
    """Returns the model inputs of every row, by name; weights beside their lists.

    Args:
      table: prepared columns, one per input.
      features: which to read.
    """
    arrays: dict[str, FeatureArray] = {}
    for feature in features:
        column = table[feature.name]
        if feature.kind == "multivalent":
            arrays[feature.name] = read_lists(column)
            if feature.weights_name is not None:
                arrays[feature.weights_name] = read_lists(table[feature.weights_name])
        elif feature.kind in ("numeric", "bucketised", "timestamp"):
            dtype = np.int64 if feature.kind == "timestamp" else np.float32
            arrays[feature.name] = Scalars(tf.constant(column.to_numpy().astype(dtype, copy=False)))
        else:
            arrays[feature.name] = read_texts(column)
    return arrays


def read_texts(column: pa.ChunkedArray, filler: str | None = None) -> Texts:
    """Returns a column of strings, with one entry more if there is a filler."""
    chunks = column.dictionary_encode().unify_dictionaries().chunks
    distinct = chunks[0].dictionary.to_pylist() if chunks else []
    codes = [chunk.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False) for chunk in chunks]
    if filler is not None:
        codes.append(np.array([len(distinct)], np.int32))
        distinct = [*distinct, filler]
    return Texts(
        tf.constant(distinct, tf.string, shape=[len(distinct)]),
        tf.constant(np.concatenate(codes) if codes else np.zeros(0, np.int32)),
    )


def read_lists(column: pa.ChunkedArray) -> Lists:
    """Returns a column of lists; weights are filled with 0, moments with -1 and texts with the empty one."""
    lengths = pc.list_value_length(column).to_numpy().astype(np.int64)
    flat = pc.list_flatten(column)
    if pa.types.is_floating(flat.type):
        numbers = flat.to_numpy().astype(np.float32, copy=False)
        elements: Scalars | Texts = Scalars(tf.constant(np.append(numbers, np.float32(0.0))))
    elif pa.types.is_integer(flat.type):
        elements = Scalars(
            tf.constant(np.append(flat.to_numpy().astype(np.int64, copy=False), schema_lib.MISSING_MOMENT))
        )
    else:
        elements = read_texts(flat, filler="")
    row_splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Lists(elements, tf.constant(row_splits))
