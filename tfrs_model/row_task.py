"""Training on rows by themselves: each with negatives of its own, or with a label and none."""

import math

import tensorflow as tf

from tfrs_model import column_masks, objectives, point_losses, replicas
from tfrs_model import temperature as temperature_lib

# What an objective costs on a pair with a label.
_OF_LABELS = {
    "binary_cross_entropy": point_losses.binary_cross_entropy,
    "squared_error": point_losses.squared_error,
    "huber": lambda scores, labels: point_losses.huber(scores, labels, delta=objectives.HUBER_DELTA),
}
_NORMALISED = "normalised_squared_error"


class RowTask(tf.keras.layers.Layer):
    """Turns pairs into a loss without comparing one row with another.

    With negatives, a row is its positive and N candidates drawn for it: list-wise
    (softmax), pair-wise (Bayesian personalised ranking) or point-wise. With labels, a
    row is one pair, and only the point-wise objectives apply. The steps, in this order:

        score -> / temperature -> mask -> loss

    Negatives are drawn uniformly, so there is no correction.

    Args:
      objective: a name in `objectives.OBJECTIVES`.
      temperature: divisor of the scores, > 0, or one that is learned.
      name: of the layer.

    Raises:
      ValueError: if the objective is unknown, or the temperature out of its range.
    """

    streaming_frequency = None

    def __init__(
        self, objective: str, temperature: float | temperature_lib.LearnableTemperature, name: str | None = None
    ):
        super().__init__(name=name)
        if objective not in objectives.OBJECTIVES:
            raise ValueError(f"objective must be one of {', '.join(objectives.OBJECTIVES)}, but is {objective!r}.")
        is_learned = isinstance(temperature, temperature_lib.LearnableTemperature)
        if not is_learned and not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be > 0 and finite, but is {temperature}.")
        self._name_of_objective = objective
        self._objective = objectives.OBJECTIVES[objective]()
        self._temperature = temperature
        self._mean_temperature = tf.keras.metrics.Mean("temperature")

    def call(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        negative_embeddings: tf.Tensor | None = None,
        is_negative: tf.Tensor | None = None,
        labels: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the mean loss over the rows of all replicas; of several replicas each returns its share.

        Args:
          query_embeddings: `[num_rows, embedding_dim]`.
          candidate_embeddings: `[num_rows, embedding_dim]`, the other side of each pair.
          negative_embeddings: `[num_rows, num_negatives, embedding_dim]`, or `None` with labels.
          is_negative: `[num_rows, num_negatives]` bool; false leaves one out. `None` keeps all.
          labels: `[num_rows]` in [0, 1], or `None` with negatives.
          sample_weight: `[num_rows]`; `None` is 1 each.

        Raises:
          ValueError: if there are both negatives and labels, neither, or labels for an objective that reads none.
        """
        if (negative_embeddings is None) == (labels is None):
            raise ValueError("A row has either negatives or a label; pass negative_embeddings or labels, and not both.")
        positives = self._divided(tf.reduce_sum(query_embeddings * candidate_embeddings, axis=1))
        if labels is None:
            losses = self._of_negatives(query_embeddings, positives, negative_embeddings, is_negative)
        else:
            losses = self._of_labels(positives, labels)
        if sample_weight is not None:
            losses *= sample_weight
        self._mean_temperature.update_state(1.0 / self._divided(tf.ones([])))
        everyone = replicas.replicas_of(tf.shape(positives)[0])
        return tf.reduce_sum(losses) / tf.cast(everyone.num_rows, tf.float32)

    def _of_negatives(
        self, queries: tf.Tensor, positives: tf.Tensor, negatives: tf.Tensor, is_negative: tf.Tensor | None
    ) -> tf.Tensor:
        logits = self._divided(tf.einsum("bd,bnd->bn", queries, negatives))
        if is_negative is None:
            is_negative = tf.ones_like(logits, tf.bool)
        logits = tf.where(is_negative, logits, column_masks.MASKED_LOGIT)
        num_negatives = tf.reduce_sum(tf.cast(is_negative, tf.float32), axis=1)
        return objectives.row_losses(self._objective, positives, logits, num_negatives)

    def _of_labels(self, scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        if self._name_of_objective == _NORMALISED:
            return point_losses.squared_error(scores, labels) / self._variance_of_all(labels)
        if self._name_of_objective not in _OF_LABELS:
            raise ValueError(
                f"A pair with a label is trained by {', '.join([*_OF_LABELS, _NORMALISED])}, but objective is "
                f"{self._name_of_objective!r}, which compares candidates; choose one of those, or give negatives."
            )
        return _OF_LABELS[self._name_of_objective](scores, labels)

    def _variance_of_all(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns the variance of the labels of all replicas; > 0, since labels that are all equal teach nothing."""
        count = tf.cast(replicas.replicas_of(tf.size(labels)).num_rows, tf.float32)
        mean = replicas.sum_over_replicas(tf.reduce_sum(labels)) / count
        variance = replicas.sum_over_replicas(tf.reduce_sum(tf.square(labels - mean))) / count
        message = "normalised_squared_error needs labels that differ within a batch; raise the batch size."
        with tf.control_dependencies([tf.debugging.assert_positive(variance, message=message)]):
            return tf.identity(variance)

    def _divided(self, scores: tf.Tensor) -> tf.Tensor:
        if isinstance(self._temperature, temperature_lib.LearnableTemperature):
            return self._temperature(scores)
        return scores / self._temperature
