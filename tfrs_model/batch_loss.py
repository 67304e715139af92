"""The loss of a batch, each row against all columns, in memory that grows with the batch and not with its square."""

import dataclasses

import tensorflow as tf

from tfrs_model import column_masks, objectives

# 16 MB of float32 logits: larger than the private caches, small enough for a shared one, and enough rows
# for the products to run at full speed. With very many columns a block still has _MIN_ROWS rows.
_LOGITS_PER_BLOCK = 1 << 22
_MIN_ROWS = 64


@dataclasses.dataclass(frozen=True)
class Columns:
    """What the rows of a batch are scored against: their own positives and further negatives.

    Attributes:
      embeddings: `[num_columns, embedding_dim]` float32.
      first_positive: scalar int32; the positive of row i is column first_positive + i.
      num_rows: rows of all replicas together.
      log_q: `[num_columns]` float32, subtracted from the logits; `None` for no correction.
      log_complement: `[num_rows]` float32, log(1 - Q(positive)), for the corrected softmax; else `None`.
      mask: columns that are no negatives of a row; a row's positive column never is one of its own.
      score_mask: `[num_rows, num_columns]` bool, false where a column is no negative; `None` for all.
    """

    embeddings: tf.Tensor
    first_positive: tf.Tensor
    num_rows: tf.Tensor
    log_q: tf.Tensor | None = None
    log_complement: tf.Tensor | None = None
    mask: column_masks.ColumnMask | None = None
    score_mask: tf.Tensor | None = None

    def of_positives(self, values: tf.Tensor, num_rows: tf.Tensor) -> tf.Tensor:
        """Returns of `values`, which hold one for each column, those of the positives of all rows."""
        return values[self.first_positive : self.first_positive + num_rows]


@dataclasses.dataclass(frozen=True)
class BatchLoss:
    """The loss and what is known of each row; only the loss has gradients.

    Attributes:
      loss: scalar, the weighted sum of the rows' losses.
      row_losses: `[num_rows]` float32, before weighting.
      positive_probability: `[num_rows]` float32.
      num_negatives: `[num_rows]` float32, columns that are negatives of the row, hard or not.
    """

    loss: tf.Tensor
    row_losses: tf.Tensor
    positive_probability: tf.Tensor
    num_negatives: tf.Tensor


def batch_loss(
    queries: tf.Tensor,
    columns: Columns,
    row_weights: tf.Tensor,
    objective: objectives.Objective,
    num_hard_negatives: int | None = None,
    logits_per_block: int = _LOGITS_PER_BLOCK,
) -> BatchLoss:
    """Returns the weighted sum of the losses of all rows.

        logits[i, j] = <queries[i], embeddings[j]> - log_q[j]

    The steps for a block of rows: score -> - log_q -> masks -> hard negatives -> objective.
    The gradients are made in the same pass, so a step costs the three matrix products
    that any implementation needs, of blocks that stay in the cache, and the largest
    tensor holds `logits_per_block` numbers. They cannot be differentiated again.

    Args:
      queries: `[num_rows, embedding_dim]` float32, already divided by the temperature.
      columns: what they are scored against.
      row_weights: `[num_rows]` float32; those of a mean hold the division.
      objective: the loss of a row.
      num_hard_negatives: highest corrected, unmasked negatives that a row keeps, >= 1; `None` keeps all.
      logits_per_block: bound of a block, unless that leaves fewer than 64 rows.
    """

    @tf.custom_gradient
    def loss_of(queries: tf.Tensor, embeddings: tf.Tensor) -> tuple:
        given = dataclasses.replace(columns, embeddings=embeddings)
        sums = _blocks(queries, given, row_weights, objective, num_hard_negatives, logits_per_block)
        loss = tf.reduce_sum(sums.row_losses * row_weights)

        def gradient(of_loss: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return of_loss * sums.of_queries, of_loss * sums.of_embeddings

        return (loss, sums.row_losses, sums.positive_probability, sums.num_negatives), gradient

    return BatchLoss(*loss_of(tf.cast(queries, tf.float32), tf.cast(columns.embeddings, tf.float32)))


@dataclasses.dataclass(frozen=True)
class _Sums:
    row_losses: tf.Tensor
    positive_probability: tf.Tensor
    num_negatives: tf.Tensor
    of_queries: tf.Tensor
    of_embeddings: tf.Tensor


def _blocks(
    queries: tf.Tensor,
    columns: Columns,
    row_weights: tf.Tensor,
    objective: objectives.Objective,
    num_hard_negatives: int | None,
    logits_per_block: int,
) -> _Sums:
    num_rows, num_columns = tf.shape(queries)[0], tf.shape(columns.embeddings)[0]
    rows_per_block = tf.maximum(logits_per_block // tf.maximum(num_columns, 1), _MIN_ROWS)
    num_blocks = -(-num_rows // rows_per_block)
    positive_embeddings = columns.of_positives(columns.embeddings, num_rows)
    positives = _positive_logits(queries, positive_embeddings, columns, objective)
    extended_queries, extended_columns = _extended(queries, columns)

    def block(i: tf.Tensor, of_embeddings: tf.Tensor, *arrays: tf.TensorArray) -> tuple:
        begin, end = i * rows_per_block, tf.minimum((i + 1) * rows_per_block, num_rows)
        logits = tf.matmul(extended_queries[begin:end], extended_columns, transpose_b=True)
        rows = _rows(logits, positives[begin:end], columns, begin, end)
        gradients = _gradients(rows, objective, num_hard_negatives)
        scale = (gradients.scale * row_weights[begin:end])[:, tf.newaxis]
        of_positives = (gradients.of_positives * row_weights[begin:end])[:, tf.newaxis]
        of_queries = tf.matmul(gradients.of_negatives, columns.embeddings) * scale
        of_queries += of_positives * positive_embeddings[begin:end]
        # As [embedding_dim, num_columns] this product is a fourth faster than the one that turns the larger factor.
        of_embeddings += tf.matmul(tf.transpose(queries[begin:end] * scale), gradients.of_negatives)
        made = (gradients.losses, gradients.positive_probability, rows.num_negatives, of_queries, of_positives)
        return i + 1, of_embeddings, *(array.write(i, value) for array, value in zip(arrays, made, strict=True))

    shapes = ([None], [None], [None], [None, queries.shape[1]], [None, 1])
    arrays = [
        tf.TensorArray(tf.float32, num_blocks, element_shape=shape, infer_shape=False, name="blocks")
        for shape in shapes
    ]
    _, of_embeddings, *arrays = tf.while_loop(
        lambda i, *_: i < num_blocks,
        block,
        (tf.constant(0), tf.zeros([tf.shape(queries)[1], num_columns]), *arrays),
        parallel_iterations=1,
    )
    row_losses, probability, num_negatives, of_queries, of_positives = (array.concat() for array in arrays)
    before, after = columns.first_positive, num_columns - columns.first_positive - num_rows
    of_embeddings = tf.transpose(of_embeddings) + tf.pad(of_positives * queries, [[before, after], [0, 0]])
    return _Sums(row_losses, probability, num_negatives, of_queries, of_embeddings)


def _extended(queries: tf.Tensor, columns: Columns) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns both sides with further dimensions that make correction and masks part of the product."""
    of_queries, of_columns = [queries], [columns.embeddings]
    if columns.log_q is not None:
        of_queries.append(tf.ones_like(queries[:, :1]))
        of_columns.append(-columns.log_q[:, tf.newaxis])
    if columns.mask is not None:
        of_queries.append(columns.mask.of_rows)
        of_columns.append(columns.mask.of_columns)
    return tf.concat(of_queries, axis=1), tf.concat(of_columns, axis=1)


def _positive_logits(
    queries: tf.Tensor, positive_embeddings: tf.Tensor, columns: Columns, objective: objectives.Objective
) -> tf.Tensor:
    scores = tf.reduce_sum(queries * positive_embeddings, axis=1)
    if columns.log_q is None or not objective.corrects_positive:
        return scores
    return scores - columns.of_positives(columns.log_q, tf.shape(queries)[0])


def _rows(
    logits: tf.Tensor, positives: tf.Tensor, columns: Columns, begin: tf.Tensor, end: tf.Tensor
) -> objectives.Rows:
    """Returns the block's positives, and its negatives with `MASKED_LOGIT` where a column is none."""
    if columns.score_mask is not None:
        logits = tf.where(columns.score_mask[begin:end], logits, column_masks.MASKED_LOGIT)
    if columns.mask is not None:
        masked = columns.mask.positions(begin, end)
        logits = tf.tensor_scatter_nd_update(logits, masked, tf.fill(tf.shape(masked)[:1], column_masks.MASKED_LOGIT))
    # The positives are a diagonal, which is written in place, where a scatter copies the block.
    of_positives = tf.fill([end - begin], column_masks.MASKED_LOGIT)
    negatives = tf.linalg.set_diag(logits, of_positives, k=columns.first_positive + begin)
    complement = None if columns.log_complement is None else columns.log_complement[begin:end]
    return objectives.Rows(positives, negatives, _num_negatives(negatives, columns), complement)


def _num_negatives(negatives: tf.Tensor, columns: Columns) -> tf.Tensor:
    if columns.mask is None and columns.score_mask is None:
        return tf.fill(tf.shape(negatives)[:1], tf.cast(tf.shape(negatives)[1] - 1, tf.float32))
    return tf.reduce_sum(tf.cast(tf.logical_not(column_masks.is_masked(negatives)), tf.float32), axis=1)


def _gradients(
    rows: objectives.Rows, objective: objectives.Objective, num_hard_negatives: int | None
) -> objectives.RowGradients:
    """Returns the rows' gradients; of negatives that are not among the hardest they are 0."""
    if num_hard_negatives is None:
        return objective.gradients(rows)
    shape = tf.shape(rows.negatives)
    kept = tf.minimum(num_hard_negatives, shape[1])
    hardest, at = tf.math.top_k(rows.negatives, k=kept, sorted=False)
    num_negatives = tf.minimum(rows.num_negatives, tf.cast(kept, tf.float32))
    of_hardest = objective.gradients(dataclasses.replace(rows, negatives=hardest, num_negatives=num_negatives))
    owners = tf.broadcast_to(tf.range(shape[0])[:, tf.newaxis], tf.shape(at))
    of_negatives = tf.scatter_nd(tf.stack([owners, at], axis=2), of_hardest.of_negatives, shape)
    return dataclasses.replace(of_hardest, of_negatives=of_negatives)
