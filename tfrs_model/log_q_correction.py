"""Which log of which probability is subtracted from the logits of a batch."""

import tensorflow as tf

from tfrs_model import frequency

LOG_Q_CORRECTIONS = ("none", "yi2019", "corrected2025")


class LogQCorrection:
    """Finds the log sampling probability of each candidate of a batch: the caller's, or the estimated one.

    Args:
      name: one of `LOG_Q_CORRECTIONS`. `yi2019` takes probabilities up to a common factor, so
        expected counts as well, `corrected2025` the probability of one draw.
      streaming_frequency: estimates what the caller does not give; `None` estimates nothing.

    Raises:
      ValueError: if there are frequencies that nothing reads.
    """

    def __init__(self, name: str, streaming_frequency: frequency.StreamingFrequency | None):
        if name == "none" and streaming_frequency is not None:
            raise ValueError("log_q_correction='none' reads no frequencies; leave streaming_frequency out.")
        self._is_used = name != "none"
        self._frequency = streaming_frequency
        self.is_per_draw = name == "corrected2025"

    def reads_ids(self, probability: tf.Tensor | None) -> bool:
        """Returns whether the ids of the candidates are needed."""
        return self._frequency is not None and probability is None

    def log_q(
        self, probability: tf.Tensor | None, candidate_ids: tf.Tensor | None, training: bool | None
    ) -> tf.Tensor | None:
        """Returns `[num_candidates]` natural logs, or `None` where nothing is corrected.

        Args:
          probability: `[num_candidates]` that the caller gives, or `None`.
          candidate_ids: `[num_candidates]`; counted if training and there is no probability.
          training: whether the batch is a step of the stream.

        Raises:
          ValueError: if there is nothing to take a probability from that is needed, or `training` is `None`.
          tf.errors.InvalidArgumentError: if a probability is out of its range.
        """
        if not self._is_used:
            if probability is not None:
                raise ValueError(
                    "log_q_correction='none' reads no probability; leave candidate_sampling_probability out."
                )
            return None
        if self.reads_ids(probability):
            probability = self._estimate(candidate_ids, training)
        if probability is not None:
            return _log(probability, self.is_per_draw)
        if self.is_per_draw:
            raise ValueError(
                "corrected2025 needs the probability of each draw, but there is neither streaming_frequency nor "
                "candidate_sampling_probability; give one of them."
            )
        return None

    def _estimate(self, candidate_ids: tf.Tensor, training: bool | None) -> tf.Tensor:
        if training is None:
            raise ValueError(
                "streaming_frequency learns from training batches only, but training is None; "
                "pass training=True or training=False to the task."
            )
        expected_count = self._frequency(candidate_ids, training=training)
        return self._frequency.sampling_probability(candidate_ids) if self.is_per_draw else expected_count


def _log(probability: tf.Tensor, is_per_draw: bool) -> tf.Tensor:
    message = "candidate_sampling_probability must be > 0 everywhere; give ids that were never counted a small one."
    checks = [tf.debugging.assert_positive(probability, message=message)]
    if is_per_draw:
        message = "corrected2025 needs the probability of one draw, < 1; divide expected counts by the number of draws."
        checks.append(tf.debugging.assert_less(probability, 1.0, message=message))
    with tf.control_dependencies(checks):
        return tf.math.log(probability)
