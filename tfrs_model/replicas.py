"""What all replicas of a synchronous strategy hold together."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Replicas:
    """How many rows each replica brings to this step, and which of them are this one's.

    Attributes:
      sizes: `[num_replicas]` int32 rows of each; `None` where there is one replica.
      num_rows: rows of all together.
      first_row: where this replica's rows begin among them.
    """

    sizes: tf.Tensor | None
    num_rows: tf.Tensor
    first_row: tf.Tensor

    def gather(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the rows of all replicas, in replica order, the same on each; gradients flow back to each.

        `all_gather` fails under MultiWorkerMirroredStrategy on CPUs inside `fit`, so each replica
        writes its rows into zeros and the replicas are summed.

        Args:
          values: `[num_rows_here, ...]` numbers.
        """
        if self.sizes is None:
            return values
        context = tf.distribute.get_replica_context()
        behind = self.num_rows - self.first_row - tf.shape(values)[0]
        paddings = [[self.first_row, behind], *[[0, 0]] * (values.shape.rank - 1)]
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.pad(values, paddings))


def replicas_of(num_rows: tf.Tensor) -> Replicas:
    """Returns the replicas of the present step; each must call it, with its own number of rows."""
    context = _context_of_several()
    if context is None:
        return Replicas(None, num_rows, tf.zeros_like(num_rows))
    here = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=tf.int32)
    sizes = context.all_reduce(tf.distribute.ReduceOp.SUM, here * num_rows)
    before = tf.cumsum(sizes, exclusive=True)
    return Replicas(sizes, tf.reduce_sum(sizes), tf.reduce_sum(before * here))


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the sum of the values of all replicas, the same on each; each must call it."""
    context = _context_of_several()
    return value if context is None else context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def _context_of_several() -> tf.distribute.ReplicaContext | None:
    """Returns the context of this replica, or `None` where there are no others."""
    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
