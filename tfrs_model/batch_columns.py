"""From the embeddings, ids and probabilities of a batch to the columns that its rows are scored against."""

from collections.abc import Callable

import tensorflow as tf

from tfrs_model import batch_loss, column_masks, replicas
from tfrs_model import id_keys as id_keys_lib


def build_columns(
    num_queries: tf.Tensor,
    embeddings: tf.Tensor,
    log_q: tf.Tensor | None,
    is_per_draw: bool,
    ids: tf.Tensor | None,
    masks_own_id: bool,
    history_ids: tf.Tensor | None,
    score_mask: tf.Tensor | None,
    group_ids: tf.Tensor | None = None,
) -> batch_loss.Columns:
    """Returns the columns: the positives of all replicas, then the extra negatives, which every replica brings alike.

    Args:
      num_queries: rows here; the first as many candidates are their positives.
      embeddings: `[num_candidates, embedding_dim]`.
      log_q: `[num_candidates]`, or `None` for no correction.
      is_per_draw: whether log_q is that of the probability of one draw, so that positives can be left out of it.
      ids: `[num_candidates]`, or `None` where nothing is compared by id.
      masks_own_id: whether further columns with the id of a row's positive are no negatives of it.
      history_ids: `[num_queries, length]` ids that are no negatives of a row either, or `None`.
      score_mask: `[num_queries, num_candidates]`, or `None`.
      group_ids: `[num_queries]` int64 >= 0; positives of one group's rows are no negatives of each other. Or `None`.

    Raises:
      ValueError: if there are several replicas and a score mask, which knows the candidates of one only.
      tf.errors.InvalidArgumentError: if there are fewer candidates than queries.
    """
    message = "Row i of the candidates is the positive of query i, so there must be a candidate for every query."
    enough = tf.debugging.assert_greater_equal(tf.shape(embeddings)[0], num_queries, message=message)
    with tf.control_dependencies([enough]):
        everyone = replicas.replicas_of(tf.identity(num_queries))
    if everyone.sizes is not None and score_mask is not None:
        raise ValueError("score_mask knows the candidates of one replica only; use history_ids, or one replica.")

    def of_all(values: tf.Tensor | None) -> tf.Tensor | None:
        if values is None or everyone.sizes is None:
            return values
        return tf.concat([everyone.gather(values[:num_queries]), values[num_queries:]], axis=0)

    if history_ids is not None and tf.as_dtype(history_ids.dtype).is_integer != tf.as_dtype(ids.dtype).is_integer:
        raise ValueError(
            f"history_ids and candidate_ids must be both strings or both integers, but are "
            f"{history_ids.dtype.name} and {ids.dtype.name}."
        )
    keys = None if ids is None else id_keys_lib.id_keys(ids)
    return batch_loss.Columns(
        embeddings=of_all(tf.cast(embeddings, tf.float32)),
        first_positive=everyone.first_row,
        num_rows=everyone.num_rows,
        log_q=of_all(log_q),
        log_complement=tf.math.log1p(-tf.exp(log_q[:num_queries])) if is_per_draw else None,
        mask=_mask(keys, num_queries, tf.shape(embeddings)[0], masks_own_id, history_ids, group_ids, of_all),
        score_mask=score_mask,
    )


def _mask(
    ids: tf.Tensor | None,
    num_queries: tf.Tensor,
    num_candidates: tf.Tensor,
    masks_own_id: bool,
    history_ids: tf.Tensor | None,
    group_ids: tf.Tensor | None,
    of_all: Callable[[tf.Tensor], tf.Tensor],
) -> column_masks.ColumnMask | None:
    row_keys, column_keys = [], []
    if masks_own_id:
        row_keys.append(ids[:num_queries, tf.newaxis])
    if history_ids is not None:
        row_keys.append(id_keys_lib.id_keys(history_ids))
    if row_keys:
        column_keys.append(ids)
    if group_ids is not None:
        row_keys.append(_group_keys(group_ids)[:, tf.newaxis])
        # No row is of the group that the extra negatives are given.
        of_extra = tf.fill([num_candidates - num_queries], tf.constant(-1, tf.int64))
        column_keys.append(_group_keys(tf.concat([group_ids, of_extra], axis=0)))
    if not row_keys:
        return None
    return column_masks.mask_columns(of_all(tf.stack(column_keys, axis=1)), tf.concat(row_keys, axis=1))


def _group_keys(group_ids: tf.Tensor) -> tf.Tensor:
    """Returns keys below 0, which no text has, and an integer id with probability 2**-63 only."""
    return -1 - id_keys_lib.id_keys(tf.strings.as_string(group_ids))
