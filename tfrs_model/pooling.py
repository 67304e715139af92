"""How the embeddings of several values of a row become one."""

import tensorflow as tf


def pool(
    embeddings: tf.Tensor, rows: tf.Tensor, num_rows: tf.Tensor, pooling: str, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Pools the embeddings of each row; zero where a row has none, or only such of weight 0.

        mean   sum(w e) / sum(w)
        sum    sum(w e)
        sqrtn  sum(w e) / sqrt(sum(w^2))
        max    the largest of each dimension; weights are not read

    With embeddings 1 and 4 of weights 2 and 1 that is 2, 6, 2.683 and 4.

    Args:
      embeddings: `[num_values, embedding_dim]` float32.
      rows: `[num_values]` int64, the row in [0, num_rows) to which each value belongs.
      num_rows: scalar integer.
      pooling: `mean`, `sum`, `sqrtn` or `max`.
      weights: `[num_values]` float32 >= 0; `None` is 1 each.

    Returns:
      `[num_rows, embedding_dim]` float32.

    Raises:
      ValueError: if there is no such pooling.
    """
    weights = tf.ones_like(rows, tf.float32) if weights is None else weights
    weighted = embeddings * weights[:, tf.newaxis]
    if pooling == "sum":
        return tf.math.unsorted_segment_sum(weighted, rows, num_rows)
    if pooling == "mean":
        return _divided(weighted, weights, rows, num_rows)
    if pooling == "sqrtn":
        return _divided(weighted, weights, rows, num_rows, is_root=True)
    if pooling == "max":
        # An empty row is the lowest float32 in each dimension.
        largest = tf.math.unsorted_segment_max(embeddings, rows, num_rows)
        count = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, num_rows)
        return tf.where(count[:, tf.newaxis] > 0, largest, 0.0)
    raise ValueError(f"pooling must be mean, sum, sqrtn or max, but is {pooling!r}.")


def _divided(
    weighted: tf.Tensor, weights: tf.Tensor, rows: tf.Tensor, num_rows: tf.Tensor, is_root: bool = False
) -> tf.Tensor:
    total = tf.math.unsorted_segment_sum(weighted, rows, num_rows)
    if is_root:
        divisor = tf.sqrt(tf.math.unsorted_segment_sum(tf.square(weights), rows, num_rows))
    else:
        divisor = tf.math.unsorted_segment_sum(weights, rows, num_rows)
    return tf.math.divide_no_nan(total, divisor[:, tf.newaxis])
