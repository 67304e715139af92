"""Curves that show early whether training goes well."""

import tensorflow as tf

from tfrs_model import batch_loss

_NUM_SAMPLED_ROWS = 64


class TrainingHealth(tf.keras.layers.Layer):
    """Averages over an epoch what a step shows of itself; Keras logs each under its name.

    - `positive_probability`: the share that a row gives its positive. Near 1 there is
      nothing left to learn from these negatives; near 1 / columns nothing was learned.
    - `logit_spread`: standard deviation of a row's corrected logits, over a sample of 64 rows of each replica.
    - `masked_share`: columns that are no negatives of a row (accidental hits, history), of
      all but its positive.
    - `temperature`: the divisor of the scores.
    - `query_norm`, `candidate_norm`: mean length of the embeddings of the batch; where they
      are normalised, a mean below 1 tells of rows of which nothing is known. For Euclid they
      are those of the vectors with the two dimensions that make its score a product.

    Under a synchronous strategy the means are over the rows of all replicas.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        names = ("positive_probability", "logit_spread", "masked_share", "temperature", "query_norm", "candidate_norm")
        self._means = {name: tf.keras.metrics.Mean(name) for name in names}

    def update(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        queries: tf.Tensor,
        columns: batch_loss.Columns,
        result: batch_loss.BatchLoss,
        temperature: tf.Tensor | float,
    ) -> None:
        """Takes in one step.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` as the tower made them.
          candidate_embeddings: `[num_candidates, embedding_dim]` as the tower made them, the batch's own first.
          queries: `[num_queries, embedding_dim]`, divided by the temperature.
          columns: what they were scored against.
          result: what came out.
          temperature: the divisor.
        """
        num_others = tf.cast(tf.maximum(tf.shape(columns.embeddings)[0] - 1, 1), tf.float32)
        logits = tf.matmul(queries[:_NUM_SAMPLED_ROWS], columns.embeddings, transpose_b=True)
        if columns.log_q is not None:
            logits -= columns.log_q
        values = {
            "positive_probability": result.positive_probability,
            "logit_spread": tf.math.reduce_std(logits, axis=1),
            "masked_share": 1.0 - result.num_negatives / num_others,
            "temperature": temperature,
            "query_norm": tf.norm(query_embeddings, axis=1),
            # Further candidates are the same on every replica, and would count once for each.
            "candidate_norm": tf.norm(candidate_embeddings[: tf.shape(query_embeddings)[0]], axis=1),
        }
        for name, value in values.items():
            self._means[name].update_state(tf.stop_gradient(value))
