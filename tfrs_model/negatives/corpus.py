"""The candidates that negatives are drawn from: raw ids outside, rows inside."""

import collections
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfrs_model import id_keys


class Corpus:
    """Finds a candidate's row by its id, and its tower inputs by its row.

    The table is static and lives in the graph; it holds a key of 8 bytes for every id.
    Integers and their decimal strings are the same id.

    Args:
      ids: `[num_candidates]` strings or integers, each once.
      inputs: returns what the candidate tower reads, given `[n]` int64 rows; it is
        called while a graph is built, so it gathers with TensorFlow.

    Raises:
      ValueError: if there are no ids, they are no vector, or one comes twice.
    """

    def __init__(self, ids: tf.Tensor | np.ndarray, inputs: Callable[[tf.Tensor], Mapping[str, tf.Tensor]]):
        self._ids = _as_strings(ids)
        if self._ids.shape.rank != 1 or not self._ids.shape[0]:
            raise ValueError(f"Corpus ids must be [num_candidates], one or more, but have the shape {self._ids.shape}.")
        ((commonest, copies),) = collections.Counter(self._ids.numpy().tolist()).most_common(1)
        if copies > 1:
            raise ValueError(
                f"Every candidate must be in the corpus once, but {commonest.decode(errors='replace')!r} is there "
                f"{copies} times; remove the repeats."
            )
        self._inputs = inputs
        pairs = tf.lookup.KeyValueTensorInitializer(
            id_keys.id_keys(self._ids), tf.range(self._ids.shape[0], dtype=tf.int64)
        )
        self._rows = tf.lookup.StaticHashTable(pairs, default_value=-1)

    @property
    def num_candidates(self) -> int:
        """Candidates in the corpus."""
        return self._ids.shape[0]

    def ids_of(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns `[n]` strings, the ids of `[n]` rows in [0, num_candidates)."""
        return tf.gather(self._ids, rows)

    def rows_of(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns `[n]` int64 rows of `[n]` strings or integers; -1 where an id is not in the corpus."""
        return self.rows_of_keys(id_keys.id_keys(_as_strings(ids)))

    def rows_of_keys(self, keys: tf.Tensor) -> tf.Tensor:
        """Returns `[n]` int64 rows of the `id_keys` of `[n]` strings; -1 where none in the corpus has the key."""
        return self._rows.lookup(keys)

    def inputs(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the candidate tower reads of `[n]` rows in [0, num_candidates)."""
        return dict(self._inputs(rows))


def _as_strings(ids: tf.Tensor | np.ndarray) -> tf.Tensor:
    ids = tf.convert_to_tensor(ids)
    if ids.dtype.is_integer:
        return tf.strings.as_string(ids)
    if ids.dtype != tf.string:
        raise TypeError(f"Candidate ids must be strings or integers, but are {ids.dtype.name}.")
    return ids
