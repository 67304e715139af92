"""What every index does: keep vectors and ids in variables, answer ids and scores."""

import abc
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Fills an answer where fewer than k candidates exist. Not an infinity: JSON has none.
PADDING_ID = ""
PADDING_SCORE = float(np.finfo(np.float32).min)


class CandidateIndexError(ValueError):
    """Candidates that cannot be indexed; the message says which rule they break."""


class CandidateIndex(tf.Module, abc.ABC):
    """Holds the corpus and ranks it by inner product.

    Vectors and ids are variables: constants would be written into
    saved_model.pb, which may not exceed 2 GB.

    Args:
      candidate_ids: unique, non-empty ids.
      embeddings: `[num_candidates, embedding_dim]` float32, finite.

    Raises:
      CandidateIndexError: if ids and vectors cannot form an index.
    """

    def __init__(self, candidate_ids: Sequence[str], embeddings: np.ndarray, name: str):
        super().__init__(name=name)
        _check(candidate_ids, embeddings)
        self._num_candidates = len(candidate_ids)
        self._ids = tf.Variable(list(candidate_ids), dtype=tf.string, trainable=False, name="candidate_ids")

    @property
    def num_candidates(self) -> int:
        """Size of the corpus."""
        return self._num_candidates

    @property
    @abc.abstractmethod
    def parameters(self) -> dict:
        """What the index was built with, as a JSON object."""

    @property
    @abc.abstractmethod
    def needs_scann_ops(self) -> bool:
        """Whether a host must have ScaNN's operations to serve this index."""

    @abc.abstractmethod
    def search_rows(self, query_embeddings: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds rows of the corpus, best first; may find fewer than asked for.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` float32.
          k: at most `num_candidates`.

        Returns:
          Rows `[num_queries, found]` integer, -1 for none, and scores `[num_queries, found]` float32.
        """

    def search(self, query_embeddings: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best candidates.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` float32.
          k: how many to return, >= 1.

        Returns:
          Ids `[num_queries, k]` strings, best first, and scores `[num_queries, k]`
          float32. Where fewer than k candidates were found the id is empty and the
          score the lowest float32.
        """
        rows, scores = self.search_rows(query_embeddings, min(k, self._num_candidates))
        found = rows >= 0
        ids = tf.where(found, tf.gather(self._ids, tf.where(found, rows, 0)), PADDING_ID)
        scores = tf.where(found, scores, PADDING_SCORE)
        missing = [[0, 0], [0, k - tf.shape(rows)[1]]]
        ids = tf.pad(ids, missing, constant_values=PADDING_ID)
        scores = tf.pad(scores, missing, constant_values=PADDING_SCORE)
        return tf.ensure_shape(ids, [None, k]), tf.ensure_shape(scores, [None, k])


def _check(candidate_ids: Sequence[str], embeddings: np.ndarray) -> None:
    if embeddings.ndim != 2 or len(candidate_ids) != len(embeddings):
        raise CandidateIndexError(
            f"Every candidate needs one id and one vector, but there are {len(candidate_ids)} ids "
            f"and vectors of shape {list(embeddings.shape)}."
        )
    if not len(candidate_ids):
        raise CandidateIndexError("The corpus must hold at least one candidate, but is empty.")
    if wrong := [each for each in candidate_ids if not isinstance(each, str)][:1]:
        raise CandidateIndexError(f"Candidate ids must be text, but {wrong[0]!r} is a {type(wrong[0]).__name__}.")
    if len(set(candidate_ids)) < len(candidate_ids):
        seen: set[str] = set()
        repeated = next(each for each in candidate_ids if each in seen or seen.add(each))
        raise CandidateIndexError(f"Candidate ids must be unique, but {repeated!r} comes more than once.")
    if PADDING_ID in candidate_ids:
        raise CandidateIndexError("Candidate ids must not be empty: the empty id marks a missing answer.")
    if not np.isfinite(embeddings).all():
        row = int(np.argwhere(~np.isfinite(embeddings).all(axis=1))[0, 0])
        raise CandidateIndexError(f"Candidate vectors must be finite, but that of {candidate_ids[row]!r} is not.")
