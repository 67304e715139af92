"""Negatives that each row has for itself."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfrs_model import call_counter, replicas, seeds
from tfrs_model.negatives import corpus as corpus_lib


class RowNegatives(tf.keras.layers.Layer):
    """Draws N candidates for each row, uniformly from the corpus and with replacement.

    A draw is a function of (seed, step, row of the global batch), so replicas draw what
    one process would. The step is counted here and is in checkpoints.

    Args:
      corpus: what is drawn from.
      num_negatives: candidates per row, >= 1.
      masks_own_id: whether a draw of the row's own positive is no negative of it.
      seed: of the draws.

    Raises:
      ValueError: if there are no negatives to draw.
    """

    def __init__(
        self, corpus: corpus_lib.Corpus, num_negatives: int, masks_own_id: bool = False, seed: int = 0, **kwargs
    ):
        super().__init__(**kwargs)
        if num_negatives < 1:
            raise ValueError(f"num_negatives of each row must be >= 1, but is {num_negatives}.")
        self._corpus = corpus
        self._num_negatives = num_negatives
        self._masks_own_id = masks_own_id
        self._stream = seeds.derive_seed(seed, "negatives/per_row")
        self._step = call_counter.add_call_counter(self, "step")

    def call(self, candidate_ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns `[num_rows, num_negatives]` int64 corpus rows for `[num_rows]` positives of this replica.

        Only training goes on to the next step's draws.
        """
        step = call_counter.number_of_call(self._step, is_counted=training)
        here = tf.shape(candidate_ids)[0]
        everyone = replicas.replicas_of(here)
        drawn = tf.random.stateless_uniform(
            [everyone.num_rows, self._num_negatives],
            seed=tf.stack([tf.constant(self._stream, tf.int64), step]),
            maxval=self._corpus.num_candidates,
            dtype=tf.int64,
        )
        return drawn[everyone.first_row : everyone.first_row + here]

    def encode(self, rows: tf.Tensor, encode: Callable[[Mapping[str, tf.Tensor]], tf.Tensor]) -> tf.Tensor:
        """Returns `[num_rows, num_negatives, embedding_dim]`, given what encodes candidate tower inputs."""
        embeddings = encode(self._corpus.inputs(tf.reshape(rows, [-1])))
        return tf.reshape(embeddings, [-1, self._num_negatives, embeddings.shape[1]])

    def is_negative(self, rows: tf.Tensor, candidate_ids: tf.Tensor, history_ids: tf.Tensor | None) -> tf.Tensor:
        """Returns `[num_rows, num_negatives]` bool: false for the row's own candidate or one of its history.

        Args:
          rows: `[num_rows, num_negatives]` what was drawn.
          candidate_ids: `[num_rows]` the positives, left out if `masks_own_id`.
          history_ids: `[num_rows, length]` ids that are no negatives either, or `None`.
        """
        left_out = []
        if self._masks_own_id:
            left_out.append(candidate_ids[:, tf.newaxis])
        if history_ids is not None:
            left_out.append(history_ids)
        if not left_out:
            return tf.ones_like(rows, tf.bool)
        others = self._corpus.rows_of(tf.concat(left_out, axis=1))
        return tf.reduce_all(rows[:, :, tf.newaxis] != others[:, tf.newaxis, :], axis=2)
