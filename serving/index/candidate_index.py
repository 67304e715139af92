"""What every index does: keep vectors and ids in variables, find rows, give back ids and vectors of rows."""

import abc
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from serving.index import id_lookup

# Fills an answer where fewer than k candidates exist. Not an infinity: JSON has none.
PADDING_ID = ""
PADDING_SCORE = float(np.finfo(np.float32).min)


class CandidateIndexError(ValueError):
    """Candidates that cannot be indexed; the message says which rule they break."""


class Effort(NamedTuple):
    """A setting by which an index takes longer and finds more.

    Attributes:
      name: of the setting.
      least: its smallest value.
      most: its largest value.
      set: sets it; signatures that were traced before keep what they have.
      depth: for answers of how many rows it counts.
      get: returns what it is set to.
    """

    name: str
    least: int
    most: int
    set: Callable[[int], None]
    depth: int
    get: Callable[[], int]


class CandidateIndex(tf.Module, abc.ABC):
    """Holds the corpus and ranks it by inner product.

    Vectors and ids are variables: constants would be written into
    saved_model.pb, which may not exceed 2 GB.

    Args:
      candidate_ids: unique, non-empty ids.
      embeddings: `[num_candidates, embedding_dim]` float32, finite.
      order: `[num_candidates]` which candidate stands in which row of the index; `None` keeps the corpus' order.

    Raises:
      CandidateIndexError: if ids and vectors cannot form an index.
    """

    def __init__(
        self, candidate_ids: Sequence[str], embeddings: np.ndarray, name: str, order: np.ndarray | None = None
    ):
        super().__init__(name=name)
        require_corpus(candidate_ids, embeddings)
        self._order = np.arange(len(candidate_ids)) if order is None else order
        self._embedding_dim = embeddings.shape[1]
        ids = np.asarray(candidate_ids, object)[self._order].tolist()
        self._ids = tf.Variable(ids, dtype=tf.string, trainable=False, name="candidate_ids")
        self._lookup = id_lookup.IdLookup(ids, self._ids)

    @property
    def num_candidates(self) -> int:
        """Size of the corpus."""
        return len(self._order)

    @property
    def embedding_dim(self) -> int:
        """Width of the vectors."""
        return self._embedding_dim

    @property
    def order(self) -> np.ndarray:
        """`[num_candidates]`: row r of the index holds candidate `order[r]` of the corpus it was built from."""
        return self._order

    @property
    @abc.abstractmethod
    def parameters(self) -> dict:
        """What the index was built with, as a JSON object."""

    @property
    @abc.abstractmethod
    def needs_scann_ops(self) -> bool:
        """Whether a host must have ScaNN's operations to serve this index."""

    @property
    def efforts(self) -> tuple[Effort, ...]:
        """What can be tuned, depth after depth, the weightiest first; none where queries read the whole corpus."""
        return ()

    @property
    def max_depth(self) -> int:
        """The most rows that are worth a search; to find more, scoring everything is the better way."""
        return self.num_candidates

    @abc.abstractmethod
    def search_rows(self, query_embeddings: tf.Tensor, num_rows: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds rows of the index, best first; may find fewer than asked for.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` float32.
          num_rows: how many to find, a scalar from 1 to `num_candidates`; an index that searches only
            a part of the corpus searches the more of it the more are asked for, up to `max_depth`.

        Returns:
          Rows `[num_queries, at most num_rows]` int32, -1 for none and then last, and scores of the same shape,
          float32; fewer columns where no query found as many.
        """

    @property
    @abc.abstractmethod
    def vectors(self) -> tf.Tensor:
        """`[num_candidates, embedding_dim]`: the vectors in the order of the rows, as they are stored.

        The value of the variable, not the variable: once rows were gathered from a variable itself, TensorFlow copies
        all of it whenever it is read, for every later request (256 MB for a million vectors of 64, 15 ms).
        """

    def vectors_of(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the float32 vectors of rows of any shape, `[..., embedding_dim]`."""
        return tf.cast(tf.gather(self.vectors, rows), tf.float32)

    def scores_of_all(self, query_embedding: tf.Tensor) -> tf.Tensor:
        """Returns the score of every row, `[num_candidates]`, for one query, `[embedding_dim]`."""
        return tf.linalg.matvec(tf.cast(self.vectors, tf.float32), query_embedding)

    def rows_of(self, candidate_ids: tf.Tensor) -> tf.Tensor:
        """Returns the int32 rows of candidate ids of any shape, -1 for unknown and empty ones."""
        return self._lookup(candidate_ids)

    def ids_of(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the ids of rows of any shape, the empty id for -1."""
        is_row = rows >= 0
        return tf.where(is_row, tf.gather(self._ids, tf.where(is_row, rows, 0)), PADDING_ID)


def require_corpus(candidate_ids: Sequence[str], embeddings: np.ndarray) -> None:
    """Checks that ids and vectors can form an index.

    Raises:
      CandidateIndexError: if they cannot; the message names the first that is wrong.
    """
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
