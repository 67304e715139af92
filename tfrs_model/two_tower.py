"""The two-tower model: query tower, candidate tower and the task that trains them."""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import history as history_lib
from tfrs_model import id_keys, replicas, row_task, towers
from tfrs_model import negatives as negatives_lib
from tfrs_model import schema as schema_lib
from tfrs_model import task as task_lib

MEAN_LOSS = "mean_loss"
# Key of a batch in which several rows are of one query.
GROUP = "group"


class TwoTowerModel(tfrs.Model):
    """Trains a query and a candidate tower on batches of positive pairs.

    A batch is `{"query": {...}, "candidate": {...}, "weight": [batch_size]}` with
    the raw inputs of each tower. With `"group": [batch_size]` int64 the positives of rows
    of one number are no negatives of each other. The frequency estimate belongs to the task: it is
    training state, saved in checkpoints and never exported.

    Under a synchronous strategy a batch is global: replicas share its rows out, and report
    and learn what one would. Where a compiled `steps_per_execution` is above 1, all batches
    of an execution must then be of one size, or TensorFlow refuses them by their shapes.

    Args:
      query_tower: encodes `batch["query"]`.
      candidate_tower: encodes `batch["candidate"]`, which always holds `candidate_id`.
      task: turns both embeddings into a loss; a `RowTask` without negatives reads `weight` as the label.
      masks_history: whether what is in a query's history is no negative of it.
      negatives: adds columns to those of the batch in training, or draws those of each row; or `None`.

    Raises:
      ValueError: if the towers' widths differ.
    """

    def __init__(
        self,
        query_tower: towers.QueryTower,
        candidate_tower: towers.CandidateTower,
        task: task_lib.Retrieval | row_task.RowTask,
        masks_history: bool = False,
        negatives: negatives_lib.NegativePool | negatives_lib.RowNegatives | None = None,
    ):
        super().__init__()
        if query_tower.embedding_dim != candidate_tower.embedding_dim:
            raise ValueError(
                "The towers must share one embedding_dim, but the query tower has "
                f"{query_tower.embedding_dim} and the candidate tower {candidate_tower.embedding_dim}."
            )
        self.query_tower = query_tower
        self.candidate_tower = candidate_tower
        self.task = task
        self._masks_history = masks_history
        self._negatives = negatives
        # Kept in the graph, since Keras reports the loss of the last step of an execution alone;
        # in float64, since float32 loses digits over a long epoch.
        self._mean_loss = tf.keras.metrics.Mean(MEAN_LOSS, dtype=tf.float64)
        # What a step returns is the same on every replica, where Keras would add it up, metrics too.
        self.distribute_reduction_method = "first"

    def train_step(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes one step; returns the losses of all replicas, and as `mean_loss` the mean since the epoch began."""
        return self._of_all_replicas(super().train_step(inputs))

    def test_step(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Computes the losses of one batch, of all replicas, and as `mean_loss` the mean since the evaluation began."""
        return self._of_all_replicas(super().test_step(inputs))

    def _of_all_replicas(self, logs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        loss = replicas.sum_over_replicas(logs["loss"])
        self._mean_loss.update_state(loss)
        of_all = {"loss": loss, "total_loss": loss + logs["regularization_loss"], MEAN_LOSS: self._mean_loss.result()}
        return {**logs, **of_all}

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the loss of one batch; under several replicas this one's share, and the shares add up to the loss."""
        queries = self.query_tower(inputs["query"], training=training)
        candidates = self.candidate_tower(inputs["candidate"], training=training)
        if isinstance(self.task, row_task.RowTask):
            return self._loss_of_rows(inputs, queries, candidates, training)
        ids, probability = inputs["candidate"][schema_lib.CANDIDATE_ID], None
        history = self._history_ids(inputs["query"])
        if self._negatives is not None and training:
            columns = self._negatives(queries, candidates, ids, self._encode)
            candidates, ids, probability = columns.embeddings, columns.keys, columns.probability
            history = None if history is None else id_keys.id_keys(history)
        return self.task(
            queries,
            candidates,
            sample_weight=inputs["weight"],
            candidate_sampling_probability=probability,
            candidate_ids=ids,
            compute_metrics=not training,
            training=training,
            history_ids=history,
            group_ids=inputs.get(GROUP),
        )

    def _history_ids(self, query: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        """Returns `[batch_size, length]` what each row's query chose before, or `None` where that is not masked."""
        if not self._masks_history:
            return None
        history = query[schema_lib.HISTORY]
        if schema_lib.HISTORY_ROW not in query:
            return history
        return history_lib.seen_by_rows(history, query[schema_lib.HISTORY_ROW], query[schema_lib.HISTORY_END], "")

    def _loss_of_rows(
        self, inputs: Mapping[str, tf.Tensor], queries: tf.Tensor, candidates: tf.Tensor, training: bool
    ) -> tf.Tensor:
        if not isinstance(self._negatives, negatives_lib.RowNegatives):
            return self.task(queries, candidates, labels=inputs["weight"])
        drawn = self._negatives(inputs["candidate"][schema_lib.CANDIDATE_ID], training=training)
        history = self._history_ids(inputs["query"])
        return self.task(
            queries,
            candidates,
            negative_embeddings=self._negatives.encode(drawn, lambda each: self._encode(each, training)),
            is_negative=self._negatives.is_negative(drawn, inputs["candidate"][schema_lib.CANDIDATE_ID], history),
            sample_weight=inputs["weight"],
        )

    def _encode(self, candidate_inputs: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        return self.candidate_tower(candidate_inputs, training=training)
