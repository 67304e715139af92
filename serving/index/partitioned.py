"""The approximate index in stock TensorFlow operations only: leaves of near vectors, few of which are searched."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from serving.index import candidate_index, depths, rare_branch
from serving.index import leaves as leaves_lib

_EXACT_BELOW = 1_000
# Vectors of one query or several that are gathered at once: 2**21 numbers are 8 MB, which the allocator reuses.
_MAX_NUMBERS_PER_BLOCK = 1 << 21
STORAGES = {"float32": tf.float32, "float16": tf.float16}


@dataclasses.dataclass(frozen=True)
class PartitionedParameters:
    """How the corpus is divided and how much of it a query reads.

    Attributes:
      num_leaves: leaves, >= 1.
      num_leaves_to_search: leaves that a query reads, from 1 to `num_leaves`.
      storage: `float32`, or `float16` for half the memory and scores to three digits.

    Raises:
      CandidateIndexError: if they contradict each other.
    """

    num_leaves: int
    num_leaves_to_search: int
    storage: str = "float32"

    def __post_init__(self) -> None:
        if not 1 <= self.num_leaves_to_search <= self.num_leaves:
            raise candidate_index.CandidateIndexError(
                f"num_leaves_to_search must be between 1 and num_leaves ({self.num_leaves}), "
                f"but is {self.num_leaves_to_search}."
            )
        if self.storage not in STORAGES:
            raise candidate_index.CandidateIndexError(
                f"storage must be one of {', '.join(STORAGES)}, but is {self.storage!r}."
            )

    @classmethod
    def for_corpus(cls, num_candidates: int, storage: str = "float32") -> "PartitionedParameters":
        """Sizes the leaves so that finding them costs about as much as reading one in 200: 8 sqrt(n) leaves."""
        if num_candidates < _EXACT_BELOW:
            return cls(1, 1, storage)
        num_leaves = min(num_candidates // 8, round(8 * math.sqrt(num_candidates)))
        return cls(num_leaves, max(8, num_leaves // 200), storage)


class PartitionedIndex(candidate_index.CandidateIndex):
    """An inverted file: the vectors of a leaf lie side by side, a query reads the leaves whose centres suit it best.

    Any host that runs TensorFlow runs it. The rows of a batch are searched together.

    Args:
      candidate_ids: unique, non-empty ids.
      embeddings: `[num_candidates, embedding_dim]` float32.
      k: how many candidates a query asks for.
      parameters: `None` sizes them from the corpus.

    Raises:
      CandidateIndexError: if ids and vectors cannot form an index, or the storage cannot hold them.
    """

    def __init__(
        self,
        candidate_ids: Sequence[str],
        embeddings: np.ndarray,
        k: int,
        parameters: PartitionedParameters | None = None,
    ):
        candidate_index.require_corpus(candidate_ids, embeddings)
        self._parameters = parameters or PartitionedParameters.for_corpus(len(candidate_ids))
        num_leaves = self._parameters.num_leaves
        divided = leaves_lib.divide(embeddings, num_leaves)
        super().__init__(candidate_ids, embeddings, name="partitioned_index", order=divided.order)
        with np.errstate(over="ignore"):  # What overflows is refused, not warned of.
            stored = embeddings[divided.order].astype(STORAGES[self._parameters.storage].as_numpy_dtype)
        if not np.isfinite(stored).all():
            raise candidate_index.CandidateIndexError(
                "Vectors stored as float16 must lie within +-65504, but some do not; use storage float32."
            )
        self._num_leaves, self._leaf_width = divided.members.shape
        self._parameters = dataclasses.replace(self._parameters, num_leaves=self._num_leaves)
        self._depths = depths.depths_of(k, len(candidate_ids))
        self._leaves = self._leaves_by_depth()
        self._vectors = tf.Variable(stored, trainable=False, name="candidate_embeddings")
        self._centres = tf.Variable(divided.centres, trainable=False, name="centres")
        self._members = tf.Variable(divided.members, trainable=False, name="leaf_members")

    @property
    def parameters(self) -> dict:
        """How the corpus was divided, and how many leaves deeper answers read."""
        return dataclasses.asdict(self._parameters) | {
            "num_leaves_to_search": self._leaves.values[0],
            "leaves_by_depth": self._leaves.table(),
        }

    @property
    def max_depth(self) -> int:
        """As deep as leaves are read; where there is one, everything is read."""
        return self._depths[-1] if self._num_leaves > 1 else self.num_candidates

    @property
    def needs_scann_ops(self) -> bool:
        """Stock operations only."""
        return False

    @property
    def num_leaves(self) -> int:
        """All leaves, those that were split included."""
        return self._num_leaves

    @property
    def efforts(self) -> tuple[candidate_index.Effort, ...]:
        """How many leaves a query reads."""
        return tuple(self._leaves.efforts())

    def search_leaves(self, num_leaves_to_search: int) -> None:
        """Sets how many leaves a query for k reads, and deeper ones by a rule of thumb.

        Signatures that were traced before keep what they have.

        Args:
          num_leaves_to_search: from 1 to `num_leaves`.

        Raises:
          CandidateIndexError: if there are not so many.
        """
        self._parameters = dataclasses.replace(self._parameters, num_leaves_to_search=num_leaves_to_search)
        self._leaves = self._leaves_by_depth()

    @property
    def vectors(self) -> tf.Tensor:
        """The vectors, leaf after leaf."""
        return self._vectors.read_value()

    def search_rows(self, query_embeddings: tf.Tensor, num_rows: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds about the best rows; a query whose searched leaves hold fewer gets fewer."""
        num_leaves = self._leaves.of(num_rows)
        _, leaves = tf.math.top_k(tf.matmul(query_embeddings, self._centres, transpose_b=True), num_leaves)
        numbers_per_query = tf.cast(num_leaves, tf.int64) * (self._leaf_width * self.embedding_dim)
        block_size = tf.cast(tf.maximum(_MAX_NUMBERS_PER_BLOCK // numbers_per_query, 1), tf.int32)
        num_queries = tf.shape(query_embeddings)[0]
        # A batch without queries is one block without any: nothing cannot be stacked.
        num_blocks = tf.maximum(1, -(-num_queries // block_size))

        def search_block(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            begin = block * block_size
            end = tf.minimum(begin + block_size, num_queries)
            rows, scores = self._search_leaves(query_embeddings[begin:end], leaves[begin:end], num_rows)
            missing = [[0, block_size - (end - begin)], [0, 0]]
            return tf.pad(rows, missing), tf.pad(scores, missing)

        def search_in_blocks() -> tuple[tf.Tensor, tf.Tensor]:
            specs = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)
            at_once = 1 if tf.executing_eagerly() else 2
            rows, scores = tf.map_fn(
                search_block, tf.range(num_blocks), fn_output_signature=specs, parallel_iterations=at_once
            )
            shape = [num_blocks * block_size, num_rows]
            return tf.reshape(rows, shape)[:num_queries], tf.reshape(scores, shape)[:num_queries]

        # A loop of one turn would cost a single query a tenth of a millisecond.
        return tf.cond(
            num_blocks == 1,
            lambda: self._search_leaves(query_embeddings, leaves, num_rows),
            rare_branch.rare(search_in_blocks),
        )

    def _search_leaves(
        self, query_embeddings: tf.Tensor, leaves: tf.Tensor, num_rows: tf.Tensor | int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        width = tf.shape(leaves)[1] * self._leaf_width
        rows = tf.reshape(tf.gather(self._members, leaves), [tf.shape(leaves)[0], width])
        scores = tf.linalg.matvec(self.vectors_of(tf.maximum(rows, 0)), query_embeddings)
        scores = tf.where(rows >= 0, scores, candidate_index.PADDING_SCORE)
        # Two leaves may list the same row, so among twice as many are as many different ones.
        best, order = tf.math.top_k(scores, tf.minimum(2 * num_rows, width))
        best_rows = _first_of_each(tf.gather(rows, order, batch_dims=1))
        best = tf.where(best_rows >= 0, best, candidate_index.PADDING_SCORE)
        missing = [[0, 0], [0, tf.maximum(0, num_rows - tf.shape(best)[1])]]
        best, order = tf.math.top_k(tf.pad(best, missing, constant_values=candidate_index.PADDING_SCORE), num_rows)
        best_rows = tf.pad(best_rows, missing, constant_values=-1)
        return tf.gather(best_rows, order, batch_dims=1), best

    def _leaves_by_depth(self) -> depths.SettingByDepth:
        values = depths.grown(self._depths, self._parameters.num_leaves_to_search, self._num_leaves)
        most = [self._num_leaves] * len(values)
        return depths.SettingByDepth("num_leaves_to_search", self._depths, [1] * len(values), most, values)


def _first_of_each(rows: tf.Tensor) -> tf.Tensor:
    """Returns `[num_queries, num_rows]` rows with -1 in place of those that stand further left already."""
    order = tf.argsort(rows, axis=1, stable=True)
    ordered = tf.gather(rows, order, batch_dims=1)
    is_first = tf.concat([tf.ones_like(ordered[:, :1], tf.bool), ordered[:, 1:] != ordered[:, :-1]], axis=1)
    back = tf.argsort(order, axis=1)
    return tf.where(tf.gather(is_first, back, batch_dims=1), rows, -1)
