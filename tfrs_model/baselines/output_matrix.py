"""A free vector for every candidate, in place of a tower that reads what the candidate is."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfrs_model import embedding_table, negatives
from tfrs_model import schema as schema_lib


class OutputMatrix(tf.keras.layers.Layer):
    """Holds V, one row for each candidate of the corpus, and answers raw ids like a candidate tower.

    A candidate that is new has no row: nothing is known of it, and its vector is 0.

    Args:
      candidate_ids: `[num_candidates]` strings, in corpus order.
      embedding_dim: width of a row.
      seed: of the initial rows, normal with standard deviation `1 / sqrt(embedding_dim)`.
      name: of the layer.
    """

    def __init__(self, candidate_ids: np.ndarray, embedding_dim: int, seed: int, name: str = "output_matrix"):
        super().__init__(name=name)
        self._embedding_dim = embedding_dim
        self._corpus = negatives.Corpus(candidate_ids, lambda rows: {})
        self._table = embedding_table.embedding_table(self._corpus.num_candidates, embedding_dim, seed, name)
        self._table.build([None])

    @property
    def embedding_dim(self) -> int:
        """Width of a row."""
        return self._embedding_dim

    @property
    def matrix(self) -> tf.Variable:
        """`[num_candidates, embedding_dim]` float32, V."""
        return self._table.embeddings

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and dtype of the one input."""
        return {schema_lib.CANDIDATE_ID: tf.TensorSpec([None], tf.string, name=schema_lib.CANDIDATE_ID)}

    def rows_of(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns `[batch_size]` int64 rows of the candidates; -1 of one that is not in the corpus."""
        return self._corpus.rows_of(inputs[schema_lib.CANDIDATE_ID])

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Returns `[batch_size, embedding_dim]` float32."""
        rows = self.rows_of(inputs)
        return self._table(tf.maximum(rows, 0)) * tf.cast(rows >= 0, tf.float32)[:, tf.newaxis]
