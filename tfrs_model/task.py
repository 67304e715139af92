"""The retrieval task: TFRS's `Retrieval`, with a correction that learns its own frequencies."""

import math
from collections.abc import Iterable, Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import (
    batch_columns,
    batch_loss,
    column_masks,
    frequency,
    losses,
    objectives,
    replicas,
    training_health,
)
from tfrs_model import log_q_correction as log_q_correction_lib
from tfrs_model import temperature as temperature_lib

REDUCTIONS = ("sum", "mean")


class Retrieval(tfrs.tasks.Retrieval):
    """A drop-in for `tfrs.tasks.Retrieval` whose logQ correction needs no counts.

    The steps, in this order:

        score -> / temperature -> - log_q -> accidental hits -> history -> score mask -> hard negatives -> loss

    The order is its parent's. The sampling probability is used as it is: the parent
    clips it to [1e-6, 1], which flattens the tail of a corpus of millions and discards
    expected counts above 1. With `streaming_frequency`, a batch that brings candidate
    ids but no probability is counted and corrected by itself. One metric assigned to
    `factorized_metrics` is kept, where the parent drops it. Under a synchronous
    strategy the positives of all replicas are negatives of each other, and replicas
    of batch size B act like one of their total. Without a loss object or batch
    metrics no `[num_queries, num_candidates]` tensor is made (see `batch_loss`).

    Factorized metrics that are given candidate ids compare by id, so beside
    `streaming_frequency` their corpus has to be indexed with its ids.

    Args:
      loss: Keras loss of one-hot labels and logits; `None` is `objective`.
      metrics: factorized metrics over the corpus.
      batch_metrics: Keras metrics of one-hot labels and logits.
      loss_metrics: Keras metrics of the loss.
      temperature: divisor of the scores, > 0, or one that is learned; `None` is 1.
      num_hard_negatives: negatives kept per row, >= 1; `None` keeps all.
      remove_accidental_hits: whether negatives with the positive's id are masked.
      streaming_frequency: estimator that is fed the candidate ids; `None` corrects
        only by probabilities that the caller gives.
      objective: a name in `objectives.OBJECTIVES`, the loss of a row.
      log_q_correction: `yi2019` corrects every column; `corrected2025` leaves the positive
        uncorrected and out of its own negatives; `none` corrects nothing.
      reduction: of the rows' losses: `sum`, as in the parent, or `mean` over the rows of
        all replicas, by which the learning rate need not follow the batch size.
      health: told of each training step, or `None`; it sees queries of one head and no loss object.
      name: of the layer.

    Raises:
      ValueError: if an option is unknown, out of its range or clashes with another.
    """

    def __init__(
        self,
        loss: tf.keras.losses.Loss | None = None,
        metrics: Sequence[tf.keras.layers.Layer] | tf.keras.layers.Layer | None = None,
        batch_metrics: list[tf.keras.metrics.Metric] | None = None,
        loss_metrics: list[tf.keras.metrics.Metric] | None = None,
        temperature: float | temperature_lib.LearnableTemperature | None = None,
        num_hard_negatives: int | None = None,
        remove_accidental_hits: bool = False,
        streaming_frequency: frequency.StreamingFrequency | None = None,
        objective: str = "softmax",
        log_q_correction: str = "yi2019",
        reduction: str = "sum",
        health: training_health.TrainingHealth | None = None,
        name: str | None = None,
    ):
        _require_one_of("objective", objective, objectives.OBJECTIVES)
        _require_one_of("log_q_correction", log_q_correction, log_q_correction_lib.LOG_Q_CORRECTIONS)
        _require_one_of("reduction", reduction, REDUCTIONS)
        is_learned = isinstance(temperature, temperature_lib.LearnableTemperature)
        if temperature is not None and not is_learned and not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be > 0 and finite, or None, but is {temperature}.")
        if num_hard_negatives is not None and num_hard_negatives < 1:
            raise ValueError(f"num_hard_negatives must be >= 1 or None, but is {num_hard_negatives}.")
        if log_q_correction == "corrected2025" and objective != "softmax":
            raise ValueError(f"corrected2025 is a correction of the softmax, but objective is {objective!r}.")
        if loss is not None and (objective, log_q_correction == "corrected2025") != ("softmax", False):
            raise ValueError("A loss object stands in place of objective and corrected2025; give one or the other.")
        if loss is not None and reduction != "sum":
            raise ValueError("A loss object reduces by itself; give it its reduction, and leave the task's out.")
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
        self._has_own_loss = loss is not None
        self._correction = log_q_correction_lib.LogQCorrection(log_q_correction, streaming_frequency)
        is_corrected = self._correction.is_per_draw
        # A draw of the positive is none of its negatives there (Khrylchenko et al., sec. 3).
        self._masks_own_id = remove_accidental_hits or is_corrected
        self._objective = objectives.CorrectedSoftmax() if is_corrected else objectives.OBJECTIVES[objective]()
        self._is_mean = reduction == "mean"
        self._health = health

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
        history_ids: tf.Tensor | None = None,
        group_ids: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Computes the loss of a batch and updates the metrics.

        Args:
          query_embeddings: `[num_queries, embedding_dim]`, or
            `[num_queries, num_heads, embedding_dim]`, which scores by its best head.
          candidate_embeddings: `[num_candidates, embedding_dim]`; row i is query i's
            positive, rows past `num_queries` are extra negatives, the same on every replica.
          sample_weight: `[num_queries]` weight of each positive.
          candidate_sampling_probability: `[num_candidates]`, each > 0; up to a common
            factor, so expected counts serve, but for `corrected2025`, which needs the
            probability of one draw, < 1. Overrides `streaming_frequency`.
          candidate_ids: `[num_candidates]` strings or integers.
          compute_metrics: whether factorized metrics are updated.
          compute_batch_metrics: whether batch metrics are updated.
          score_mask: `[num_queries, num_candidates]` bool; false leaves a candidate out.
          training: whether the batch counts as a step of the stream; required with
            `streaming_frequency`.
          history_ids: `[num_queries, length]` ids that a query chose before, of the kind of
            `candidate_ids`: they are no negatives of it. `None` masks nothing.
          group_ids: `[num_queries]` int64 >= 0, the same number for the rows of one query: as many columns of its
            own came into the batch with it, and are no sample of what others choose, so they are no negatives
            of each other. `None` masks nothing.

        Returns:
          The loss, summed or averaged as `reduction` says or as the loss object reduces it.
          Under several replicas it is this one's share: the shares add up to the loss.

        Raises:
          ValueError: if ids are needed and there are none, or a probability is; if
            frequencies are to be estimated and `training` is `None`; if ids or
            probabilities are not `[num_candidates]`.
          tf.errors.InvalidArgumentError: if a probability is out of its range, or there are
            fewer candidates than queries.
        """
        _require_vector("candidate_ids", candidate_ids)
        _require_vector("candidate_sampling_probability", candidate_sampling_probability)
        self._require_ids(candidate_ids, candidate_sampling_probability, history_ids)
        columns = batch_columns.build_columns(
            num_queries=tf.shape(query_embeddings)[0],
            embeddings=candidate_embeddings,
            log_q=self._correction.log_q(candidate_sampling_probability, candidate_ids, training),
            is_per_draw=self._correction.is_per_draw,
            ids=candidate_ids,
            masks_own_id=self._masks_own_id,
            history_ids=history_ids,
            score_mask=score_mask,
            group_ids=group_ids,
        )
        is_single_head = query_embeddings.shape.rank == 2
        if is_single_head and not self._has_own_loss:
            queries = self._divided(query_embeddings)
            result = self._objective_loss(queries, columns, sample_weight)
            loss = result.loss
            if self._health is not None and training:
                temperature = 1.0 / self._divided(tf.ones([]))
                self._health.update(query_embeddings, candidate_embeddings, queries, columns, result, temperature)
        else:
            loss = self._keras_loss(query_embeddings, columns, sample_weight)
        if compute_batch_metrics and self._batch_metrics:
            logits, labels = self._logits_and_labels(query_embeddings, columns)
            for metric in self._batch_metrics:
                metric.update_state(labels, logits, sample_weight=sample_weight)
        for metric in self._loss_metrics:
            metric.update_state(replicas.sum_over_replicas(loss))
        if compute_metrics and is_single_head:
            self._update_factorized_metrics(query_embeddings, candidate_embeddings, candidate_ids, sample_weight)
        return loss

    def _require_ids(
        self, candidate_ids: tf.Tensor | None, probability: tf.Tensor | None, history_ids: tf.Tensor | None
    ) -> None:
        needs_ids = self._masks_own_id or history_ids is not None or self._correction.reads_ids(probability)
        if candidate_ids is None and needs_ids:
            raise ValueError(
                "remove_accidental_hits, corrected2025, history_ids and streaming_frequency compare candidates by "
                "id, but candidate_ids is None; pass candidate_ids, or do without them."
            )

    def _objective_loss(
        self, queries: tf.Tensor, columns: batch_loss.Columns, sample_weight: tf.Tensor | None
    ) -> batch_loss.BatchLoss:
        weights = tf.ones(tf.shape(queries)[:1]) if sample_weight is None else tf.cast(sample_weight, tf.float32)
        if self._is_mean:
            weights /= tf.cast(columns.num_rows, tf.float32)
        return batch_loss.batch_loss(queries, columns, weights, self._objective, self._num_hard_negatives)

    def _keras_loss(
        self, query_embeddings: tf.Tensor, columns: batch_loss.Columns, sample_weight: tf.Tensor | None
    ) -> tf.Tensor:
        if not isinstance(self._objective, objectives.Softmax):
            raise ValueError("Queries with several heads are trained by the plain softmax; choose that objective.")
        logits, labels = self._logits_and_labels(query_embeddings, columns)
        loss = self._loss(y_true=labels, y_pred=logits, sample_weight=sample_weight)
        if self._is_mean and not self._has_own_loss:
            loss /= tf.cast(columns.num_rows, tf.float32)
        return loss

    def _logits_and_labels(
        self, query_embeddings: tf.Tensor, columns: batch_loss.Columns
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `[num_queries, num_columns]` logits after every step but the loss, and one-hot labels."""
        if query_embeddings.shape.rank == 3:
            scores = tf.reduce_max(tf.einsum("qne,ce->qnc", query_embeddings, columns.embeddings), axis=1)
        else:
            scores = tf.matmul(query_embeddings, columns.embeddings, transpose_b=True)
        logits = self._divided(scores)
        labels = tf.one_hot(columns.first_positive + tf.range(tf.shape(logits)[0]), tf.shape(logits)[1])
        if columns.log_q is not None:
            logits = losses.correct_logits(logits, columns.log_q)
        if columns.mask is not None:
            logits = losses.mask_columns(logits, labels, columns.mask)
        if columns.score_mask is not None:
            logits = tf.where(columns.score_mask, logits, column_masks.MASKED_LOGIT)
        if self._num_hard_negatives is not None:
            logits, labels = losses.keep_hard_negatives(logits, labels, self._num_hard_negatives)
        return logits, labels

    def _divided(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the scores, or one factor of them, divided by the temperature."""
        if isinstance(self._temperature, temperature_lib.LearnableTemperature):
            return self._temperature(scores)
        return scores / (self._temperature or 1.0)

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


def _require_one_of(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, but is {value!r}.")


def _require_vector(name: str, values: tf.Tensor | None) -> None:
    if values is not None and tf.convert_to_tensor(values).shape.rank not in (None, 1):
        shape = tf.convert_to_tensor(values).shape
        raise ValueError(f"{name} must be [num_candidates], one for every candidate, but has shape {shape}.")
