"""The retrieval task: TFRS's `Retrieval`, with a correction that learns its own frequencies."""

import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import frequency, losses


class Retrieval(tfrs.tasks.Retrieval):
    """A drop-in for `tfrs.tasks.Retrieval` whose logQ correction needs no counts.

    The steps, in this order:

        score -> / temperature -> - log_q -> accidental hits -> score mask -> hard negatives -> loss

    The order is its parent's. Three things differ. The sampling probability is used
    as it is: the parent clips it to [1e-6, 1], which flattens the tail of a corpus of
    millions and discards expected counts above 1. With `streaming_frequency`, a batch
    that brings candidate ids but no probability is counted and corrected by itself.
    One metric assigned to `factorized_metrics` is kept, where the parent drops it.

    Factorized metrics that are given candidate ids compare by id, so beside
    `streaming_frequency` their corpus has to be indexed with its ids.

    Args:
      loss: Keras loss of one-hot labels and logits; `None` is categorical cross
        entropy *summed* over the batch, as in the parent.
      metrics: factorized metrics over the corpus.
      batch_metrics: Keras metrics of one-hot labels and logits.
      loss_metrics: Keras metrics of the loss.
      temperature: divisor of the scores, > 0; `None` is 1.
      num_hard_negatives: negatives kept per row, >= 1; `None` keeps all.
      remove_accidental_hits: whether negatives with the positive's id are masked.
      streaming_frequency: estimator that is fed the candidate ids; `None` corrects
        only by probabilities that the caller gives.
      name: of the layer.

    Raises:
      ValueError: if temperature or num_hard_negatives is out of its range.
    """

    def __init__(
        self,
        loss: tf.keras.losses.Loss | None = None,
        metrics: Sequence[tf.keras.layers.Layer] | tf.keras.layers.Layer | None = None,
        batch_metrics: list[tf.keras.metrics.Metric] | None = None,
        loss_metrics: list[tf.keras.metrics.Metric] | None = None,
        temperature: float | None = None,
        num_hard_negatives: int | None = None,
        remove_accidental_hits: bool = False,
        streaming_frequency: frequency.StreamingFrequency | None = None,
        name: str | None = None,
    ):
        if temperature is not None and not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be > 0 and finite, or None, but is {temperature}.")
        if num_hard_negatives is not None and num_hard_negatives < 1:
            raise ValueError(f"num_hard_negatives must be >= 1 or None, but is {num_hard_negatives}.")
        super().__init__(
            loss=loss,
            metrics=metrics,
            batch_metrics=batch_metrics,
            loss_metrics=loss_metrics,
            temperature=temperature,
            num_hard_negatives=num_hard_negatives,
            remove_accidental_hits=remove_accidental_hits,
            name=name,
        )
        self._streaming_frequency = streaming_frequency

    @property
    def streaming_frequency(self) -> frequency.StreamingFrequency | None:
        """The estimator that is fed the candidate ids, if there is one."""
        return self._streaming_frequency

    @property
    def factorized_metrics(self) -> Sequence[tf.keras.layers.Layer]:
        """Metrics over the corpus; one metric assigned alone is kept, where the parent drops it in silence."""
        return self._factorized_metrics

    @factorized_metrics.setter
    def factorized_metrics(self, value: Sequence[tf.keras.layers.Layer] | tf.keras.layers.Layer | None) -> None:
        self._factorized_metrics = [] if value is None else value if isinstance(value, Sequence) else [value]

    def call(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        sample_weight: tf.Tensor | None = None,
        candidate_sampling_probability: tf.Tensor | None = None,
        candidate_ids: tf.Tensor | None = None,
        compute_metrics: bool = True,
        compute_batch_metrics: bool = True,
        score_mask: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Computes the loss of a batch and updates the metrics.

        Args:
          query_embeddings: `[num_queries, embedding_dim]`, or
            `[num_queries, num_heads, embedding_dim]`, which scores by its best head.
          candidate_embeddings: `[num_candidates, embedding_dim]`; row i is query i's
            positive, rows past `num_queries` are extra negatives.
          sample_weight: `[num_queries]` weight of each positive.
          candidate_sampling_probability: `[num_candidates]`, each > 0; up to a common
            factor, so expected counts serve. Overrides `streaming_frequency`.
          candidate_ids: `[num_candidates]`.
          compute_metrics: whether factorized metrics are updated.
          compute_batch_metrics: whether batch metrics are updated.
          score_mask: `[num_queries, num_candidates]` bool; false leaves a candidate out.
          training: whether the batch counts as a step of the stream; required with
            `streaming_frequency`.

        Returns:
          The loss, as the loss object reduces it.

        Raises:
          ValueError: if accidental hits are to be removed, or frequencies to be
            estimated, and there are no candidate ids; if frequencies are to be
            estimated and `training` is `None`; if ids or probabilities are not `[num_candidates]`.
          tf.errors.InvalidArgumentError: if a probability is not > 0, or there are fewer
            candidates than queries.
        """
        if candidate_ids is None and (self._remove_accidental_hits or self._needs_ids(candidate_sampling_probability)):
            raise ValueError(
                "remove_accidental_hits and streaming_frequency compare candidates by id, but candidate_ids is None; "
                "pass candidate_ids, or build the task without them."
            )
        _require_vector("candidate_ids", candidate_ids)
        _require_vector("candidate_sampling_probability", candidate_sampling_probability)
        logits = self._logits(query_embeddings, candidate_embeddings)
        log_q = self._log_q(candidate_sampling_probability, candidate_ids, training)
        if log_q is not None:
            logits = losses.correct_logits(logits, log_q)
        labels = tf.eye(tf.shape(logits)[0], tf.shape(logits)[1])
        if self._remove_accidental_hits:
            logits = losses.mask_accidental_hits(logits, labels, candidate_ids)
        if score_mask is not None:
            logits = tf.where(score_mask, logits, losses.MASKED_LOGIT)
        if self._num_hard_negatives is not None:
            logits, labels = losses.keep_hard_negatives(logits, labels, self._num_hard_negatives)
        loss = self._loss(y_true=labels, y_pred=logits, sample_weight=sample_weight)

        for metric in self._loss_metrics:
            metric.update_state(loss)
        if compute_batch_metrics:
            for metric in self._batch_metrics:
                metric.update_state(labels, logits, sample_weight=sample_weight)
        if compute_metrics and len(query_embeddings.shape) == 2:
            self._update_factorized_metrics(query_embeddings, candidate_embeddings, candidate_ids, sample_weight)
        return loss

    def _needs_ids(self, candidate_sampling_probability: tf.Tensor | None) -> bool:
        return self._streaming_frequency is not None and candidate_sampling_probability is None

    def _logits(self, query_embeddings: tf.Tensor, candidate_embeddings: tf.Tensor) -> tf.Tensor:
        if len(query_embeddings.shape) == 3:
            scores = tf.reduce_max(tf.einsum("qne,ce->qnc", query_embeddings, candidate_embeddings), axis=1)
        else:
            scores = tf.matmul(query_embeddings, candidate_embeddings, transpose_b=True)
        message = "Row i of the candidates is the positive of query i, so there must be a candidate for every query."
        with tf.control_dependencies(
            [tf.debugging.assert_greater_equal(tf.shape(scores)[1], tf.shape(scores)[0], message=message)]
        ):
            return scores / (self._temperature or 1.0)

    def _log_q(
        self, probability: tf.Tensor | None, candidate_ids: tf.Tensor | None, training: bool | None
    ) -> tf.Tensor | None:
        if self._needs_ids(probability):
            if training is None:
                raise ValueError(
                    "streaming_frequency learns from training batches only, but training is None; "
                    "pass training=True or training=False to the task."
                )
            probability = self._streaming_frequency(candidate_ids, training=training)
        if probability is None:
            return None
        message = "candidate_sampling_probability must be > 0 everywhere; give ids that were never counted a small one."
        with tf.control_dependencies([tf.debugging.assert_positive(probability, message=message)]):
            return tf.math.log(probability)

    def _update_factorized_metrics(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        candidate_ids: tf.Tensor | None,
        sample_weight: tf.Tensor | None,
    ) -> None:
        num_queries = tf.shape(query_embeddings)[0]
        for metric in self._factorized_metrics:
            metric.update_state(
                query_embeddings,
                candidate_embeddings[:num_queries],
                true_candidate_ids=None if candidate_ids is None else candidate_ids[:num_queries],
                sample_weight=sample_weight,
            )


def _require_vector(name: str, values: tf.Tensor | None) -> None:
    if values is not None and tf.convert_to_tensor(values).shape.rank not in (None, 1):
        shape = tf.convert_to_tensor(values).shape
        raise ValueError(f"{name} must be [num_candidates], one for every candidate, but has shape {shape}.")
