"""The two-tower model: query tower, candidate tower and the task that trains them."""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import schema as schema_lib
from tfrs_model import task as task_lib
from tfrs_model import towers

MEAN_LOSS = "mean_loss"


class TwoTowerModel(tfrs.Model):
    """Trains a query and a candidate tower on batches of positive pairs.

    A batch is `{"query": {...}, "candidate": {...}, "weight": [batch_size]}` with
    the raw inputs of each tower. The frequency estimate belongs to the task: it is
    training state, saved in checkpoints and never exported.

    Args:
      query_tower: encodes `batch["query"]`.
      candidate_tower: encodes `batch["candidate"]`, which always holds `candidate_id`.
      task: turns both embeddings into a loss.
      masks_history: whether what is in a query's history is no negative of it.

    Raises:
      ValueError: if the towers' widths differ.
    """

    def __init__(
        self,
        query_tower: towers.QueryTower,
        candidate_tower: towers.CandidateTower,
        task: task_lib.Retrieval,
        masks_history: bool = False,
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
        # Kept in the graph, since Keras reports the loss of the last step of an execution alone;
        # in float64, since float32 loses digits over a long epoch.
        self._mean_loss = tf.keras.metrics.Mean(MEAN_LOSS, dtype=tf.float64)

    def train_step(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Makes one step; returns its losses, and as `mean_loss` the mean since the epoch began."""
        return self._with_mean_loss(super().train_step(inputs))

    def test_step(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Computes the losses of one batch, and as `mean_loss` the mean since the evaluation began."""
        return self._with_mean_loss(super().test_step(inputs))

    def _with_mean_loss(self, logs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        self._mean_loss.update_state(logs["loss"])
        return {**logs, MEAN_LOSS: self._mean_loss.result()}

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the loss of one batch."""
        return self.task(
            self.query_tower(inputs["query"], training=training),
            self.candidate_tower(inputs["candidate"], training=training),
            sample_weight=inputs["weight"],
            candidate_ids=inputs["candidate"][schema_lib.CANDIDATE_ID],
            compute_metrics=not training,
            training=training,
            history_ids=inputs["query"][schema_lib.HISTORY] if self._masks_history else None,
        )
