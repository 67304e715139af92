"""The exact index, in stock TensorFlow operations only."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from serving.index import candidate_index


class BruteForceIndex(candidate_index.CandidateIndex):
    """Scores every candidate for every query.

    Any host that runs TensorFlow runs it, stock TensorFlow Serving included.
    Memory is that of the vectors, time grows with the corpus.
    """

    def __init__(self, candidate_ids: Sequence[str], embeddings: np.ndarray):
        super().__init__(candidate_ids, embeddings, name="brute_force_index")
        self._embeddings = tf.Variable(embeddings, dtype=tf.float32, trainable=False, name="candidate_embeddings")

    @property
    def parameters(self) -> dict:
        """Nothing is tuned."""
        return {}

    @property
    def needs_scann_ops(self) -> bool:
        """Stock operations only."""
        return False

    @property
    def vectors(self) -> tf.Tensor:
        """The vectors as they were given."""
        return self._embeddings.read_value()

    def search_rows(self, query_embeddings: tf.Tensor, num_rows: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds exactly the best rows; equal scores are in corpus order."""
        scores = tf.matmul(query_embeddings, self._embeddings, transpose_b=True)
        top_scores, rows = tf.math.top_k(scores, k=num_rows)
        return rows, top_scores
