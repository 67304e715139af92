"""Which columns are no negatives of a row, found by their keys without comparing every row with every column."""

import dataclasses

import numpy as np
import tensorflow as tf

# Large enough to leave no softmax mass, small enough that differences stay finite.
MASKED_LOGIT = float(np.finfo(np.float32).min) / 100.0
# With them, what is left to mask one by one is little even where a few candidates make up most of a batch.
_NUM_FREQUENT = 31


def is_masked(logits: tf.Tensor) -> tf.Tensor:
    """Returns, for each logit, whether it is `MASKED_LOGIT`; no other comes near it."""
    return logits <= 0.5 * MASKED_LOGIT


@dataclasses.dataclass(frozen=True)
class ColumnMask:
    """Columns to leave out, row by row: all that carry one of the row's keys; a column may carry several.

    The most frequent keys of the columns become dimensions of the product that makes
    the logits: a row that must not see such a key has `MASKED_LOGIT` there, a column
    that carries it 1. Any other of a row's keys stands for a short range of the
    columns sorted by key. So the cost hardly depends on what is masked.

    Attributes:
      of_rows: `[num_rows, num_frequent]` float32, `MASKED_LOGIT` or 0.
      of_columns: `[num_columns, num_frequent]` float32, 1 or 0.
      order: `[num_columns * keys_per_column]` int32, columns sorted by key, each once for each of its keys.
      first: `[num_rows, num_keys]` int32, where each key's range starts in `order`.
      count: `[num_rows, num_keys]` int32, length of that range; 0 for a key that no column has, or a frequent one.
    """

    of_rows: tf.Tensor
    of_columns: tf.Tensor
    order: tf.Tensor
    first: tf.Tensor
    count: tf.Tensor

    def positions(self, begin: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        """Returns `[num_masked, 2]` int32 (row - begin, column) for the ranges of rows `begin` to `end - 1`.

        A pair comes again if its key does.
        """
        first, count = self.first[begin:end], self.count[begin:end]
        num_keys = tf.maximum(tf.shape(first)[1], 1)
        first, count = tf.reshape(first, [-1]), tf.reshape(count, [-1])
        owners = tf.repeat(tf.range(tf.size(count)), count)
        steps = tf.range(tf.size(owners)) - tf.gather(tf.cumsum(count, exclusive=True), owners)
        columns = tf.gather(self.order, tf.gather(first, owners) + steps)
        return tf.stack([owners // num_keys, columns], axis=1)


def mask_columns(column_keys: tf.Tensor, row_keys: tf.Tensor) -> ColumnMask:
    """Returns the mask of all columns whose key is among the row's keys.

    Args:
      column_keys: `[num_columns]` or `[num_columns, keys_per_column]` int64.
      row_keys: `[num_rows, num_keys]` int64; a key that no column has masks nothing.
    """
    if column_keys.shape.rank == 1:
        column_keys = column_keys[:, tf.newaxis]
    of_columns = tf.reshape(column_keys, [-1])
    order = tf.argsort(of_columns, stable=True)
    in_order = tf.gather(of_columns, order)
    flat = tf.reshape(row_keys, [-1])
    first = tf.searchsorted(in_order, flat, side="left")
    count = tf.searchsorted(in_order, flat, side="right") - first
    first, count = tf.reshape(first, tf.shape(row_keys)), tf.reshape(count, tf.shape(row_keys))
    frequent = _most_frequent(in_order)
    is_frequent = row_keys[:, :, tf.newaxis] == frequent
    return ColumnMask(
        of_rows=tf.where(tf.reduce_any(is_frequent, axis=1), MASKED_LOGIT, 0.0),
        of_columns=tf.cast(tf.reduce_any(column_keys[:, :, tf.newaxis] == frequent, axis=1), tf.float32),
        order=order // tf.maximum(tf.shape(column_keys)[1], 1),
        first=first,
        count=tf.where(tf.reduce_any(is_frequent, axis=2), 0, count),
    )


def _most_frequent(in_order: tf.Tensor) -> tf.Tensor:
    keys, _, counts = tf.unique_with_counts(in_order)
    _, rows = tf.math.top_k(counts, tf.minimum(_NUM_FREQUENT, tf.size(counts)))
    return tf.gather(keys, rows)
