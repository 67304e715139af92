"""The approximate index: ScaNN's searcher inside the served graph."""

import dataclasses
import hashlib
import math
import uuid
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from scann.scann_ops.py import scann_ops

from serving.index import candidate_index, depths

# ScaNN's own rule of thumb for which scoring pays at which size.
_BRUTE_FORCE_BELOW = 20_000
_TREE_FROM = 100_000
_ANISOTROPIC_THRESHOLD = 0.2
# On 20,000 random unit vectors of 16 dimensions the ten best are found to .90 after reordering 100
# candidates, to .98 after 300 and to .996 after 500; scoring 500 vectors costs microseconds.
_MIN_REORDERING = 500
_REORDERED_PER_ROW = 3
# The most that is worth trying where the reordering of deeper answers is tuned.
_MOST_REORDERED_PER_ROW = 8
# ScaNN's word for "as the searcher was built".
_AS_CONFIGURED = -1


@dataclasses.dataclass(frozen=True)
class ScannParameters:
    """How ScaNN partitions, quantises and reorders.

    Attributes:
      num_leaves: partitions; 0 for none.
      num_leaves_to_search: partitions searched per query; 0 without partitions.
      dimensions_per_block: dimensions that share a code; 0 scores exactly.
      num_reordering_candidates: candidates scored again exactly; 0 without quantisation.

    Raises:
      CandidateIndexError: if they contradict each other.
    """

    num_leaves: int
    num_leaves_to_search: int
    dimensions_per_block: int
    num_reordering_candidates: int

    def __post_init__(self) -> None:
        if not 0 <= self.num_leaves_to_search <= self.num_leaves or bool(self.num_leaves) != bool(
            self.num_leaves_to_search
        ):
            raise candidate_index.CandidateIndexError(
                "num_leaves_to_search must be between 1 and num_leaves, or both 0, "
                f"but they are {self.num_leaves_to_search} and {self.num_leaves}."
            )
        if self.dimensions_per_block and self.num_reordering_candidates < 1:
            raise candidate_index.CandidateIndexError(
                "Quantised scores are too coarse to answer with, so num_reordering_candidates must be >= 1 "
                f"where dimensions_per_block is, but is {self.num_reordering_candidates}."
            )

    @classmethod
    def for_corpus(cls, num_candidates: int, k: int) -> "ScannParameters":
        """Sizes the searcher by ScaNN's rule: exact below 20,000, quantised below 100,000, a tree above.

        Args:
          num_candidates: size of the corpus.
          k: how many candidates a query asks for.
        """
        if num_candidates < _BRUTE_FORCE_BELOW:
            return cls(0, 0, 0, 0)
        num_reordering_candidates = min(num_candidates, max(_MIN_REORDERING, 10 * k))
        if num_candidates < _TREE_FROM:
            return cls(0, 0, 2, num_reordering_candidates)
        num_leaves = round(math.sqrt(num_candidates))
        return cls(num_leaves, max(1, num_leaves // 10), 2, num_reordering_candidates)


class ScannIndex(candidate_index.CandidateIndex):
    """Holds a trained ScaNN searcher as variables and builds it once where it is loaded.

    The operation that builds the searcher caches it under `shared_name`. Left
    empty, each signature would build its own copy, and two exports in one
    process would answer for each other. A name made from the content cures both
    and gives equal exports equal bytes. An export builds it while it is loaded,
    since first requests at the same time would build it several times over.

    Args:
      candidate_ids: unique, non-empty ids.
      embeddings: `[num_candidates, embedding_dim]` float32.
      k: how many candidates a query asks for; sizes the searcher.
      parameters: `None` sizes them from the corpus.
    """

    def __init__(
        self,
        candidate_ids: Sequence[str],
        embeddings: np.ndarray,
        k: int,
        parameters: ScannParameters | None = None,
    ):
        super().__init__(candidate_ids, embeddings, name="scann_index")
        self._parameters = parameters or ScannParameters.for_corpus(len(candidate_ids), k)
        self._depths = depths.depths_of(k, len(candidate_ids))
        self._leaves = self._leaves_by_depth()
        self._reordered = self._reordered_by_depth()
        self._shared_name = f"scann/{_digest(candidate_ids, embeddings, self._parameters, k)}"
        builder = scann_ops.builder(embeddings, min(k, len(candidate_ids)), "dot_product")
        # The searcher of this process gets a name that no other has, even if equal: it is not the one that is served.
        searcher = configure(builder, self._parameters).build(shared_name=f"scann/{uuid.uuid4().hex}")
        self._state = searcher.serialize_to_module()
        self._at_load = _AtLoad(self._searcher_handle)

    @property
    def parameters(self) -> dict:
        """What the searcher was built with, and how many leaves deeper answers read."""
        settings = dataclasses.asdict(self._parameters)
        if not self.num_leaves:
            return settings
        return settings | {
            "num_leaves_to_search": self._leaves.values[0],
            "num_reordering_candidates": self._reordered.values[0],
            "leaves_by_depth": self._leaves.table(),
            "reordered_by_depth": self._reordered.table(),
        }

    @property
    def max_depth(self) -> int:
        """As deep as leaves are read; without leaves everything is scored anyway."""
        return self._depths[-1] if self.num_leaves else self.num_candidates

    @property
    def needs_scann_ops(self) -> bool:
        """Searching is ScaNN's own operation."""
        return True

    @property
    def num_leaves(self) -> int:
        """The partitions of the tree."""
        return self._parameters.num_leaves

    @property
    def efforts(self) -> tuple[candidate_index.Effort, ...]:
        """How many leaves a query reads, and how many candidates it scores again."""
        if not self.num_leaves:
            # Scoring the whole corpus costs more than scoring a few hundred candidates again.
            return ()
        pairs = zip(self._leaves.efforts(), self._reordered.efforts(), strict=True)
        return tuple(effort for pair in pairs for effort in pair if effort.most)

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
        """The vectors that ScaNN scores again exactly."""
        return self._state.dataset.read_value()

    def search_rows(self, query_embeddings: tf.Tensor, num_rows: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds about the best rows; a query whose searched leaves hold fewer gets fewer."""
        place = self._leaves.place_of(num_rows)
        rows, scores = scann_ops.ScannSearcher(self._searcher_handle()).search_batched_parallel(
            query_embeddings,
            final_num_neighbors=num_rows,
            pre_reorder_num_neighbors=self._num_reordered(num_rows, place),
            leaves_to_search=self._leaves.at(place) if self.num_leaves else _AS_CONFIGURED,
        )
        # A slot that ScaNN could not fill holds row 0 and the score NaN, and slots that no query fills are left out.
        rows = tf.where(tf.math.is_nan(scores), -1, tf.cast(rows, tf.int32))
        # The operation does not say so.
        for each in (rows, scores):
            each.set_shape([None, None])
        return rows, scores

    def _searcher_handle(self) -> tf.Tensor:
        """Builds the searcher unless there is one of its name."""
        state = self._state
        return scann_ops.tensors_to_scann(
            state.dataset,
            state.scann_config,
            state.serialized_partitioner,
            state.datapoint_to_token,
            state.ah_codebook,
            state.hashed_dataset,
            state.int8_dataset,
            state.int8_multipliers,
            state.dp_norms,
            shared_name=self._shared_name,
        )

    def _num_reordered(self, num_rows: tf.Tensor | int, place: tf.Tensor | int) -> tf.Tensor | int:
        """ScaNN cuts an answer at this number without a word, so it is never below what is asked for."""
        if not self._parameters.num_reordering_candidates:
            return num_rows
        least = num_rows
        if not self.num_leaves:
            # With leaves nobody asks for more than the last depth; without, deep answers are found in codes alone.
            least = tf.where(num_rows > self._depths[-1], _REORDERED_PER_ROW * num_rows, num_rows)
        return tf.minimum(tf.maximum(self._reordered.at(place), least), self.num_candidates)

    def _leaves_by_depth(self) -> depths.SettingByDepth:
        num_leaves = self.num_leaves
        values = depths.grown(self._depths, self._parameters.num_leaves_to_search, num_leaves)
        ones = [1] * len(values)
        return depths.SettingByDepth("num_leaves_to_search", self._depths, ones, [num_leaves] * len(values), values)

    def _reordered_by_depth(self) -> depths.SettingByDepth:
        first = self._parameters.num_reordering_candidates
        most = [max(2 * first, _MOST_REORDERED_PER_ROW * depth) for depth in self._depths[1:]]
        values = [max(first, _REORDERED_PER_ROW * depth) for depth in self._depths[1:]]
        is_used = bool(first)
        return depths.SettingByDepth(
            "num_reordering_candidates",
            self._depths,
            # ScaNN answers with no more than it scores again.
            [min(depth, first) * is_used for depth in self._depths[:1]]
            + [depth * is_used for depth in self._depths[1:]],
            [first, *(each * is_used for each in most)],
            [first, *(each * is_used for each in values)],
        )


class _AtLoad(tf.saved_model.experimental.TrackableResource):
    """Runs something when an export is loaded, after its variables are restored and before any request.

    ScaNN's operation builds a searcher under a lock of its own, and each signature has an operation of its own: first
    calls of several signatures at once would build one searcher over the other while it is already asked.
    """

    def __init__(self, run: Callable[[], object]):
        super().__init__()
        self._run = run

    def _create_resource(self) -> tf.Tensor:
        """TensorFlow runs initialisers of resources only, so here is one; nobody reads it."""
        return tf.raw_ops.VarHandleOp(dtype=tf.int32, shape=[])

    def _initialize(self) -> None:
        self._run()


def _digest(candidate_ids: Sequence[str], embeddings: np.ndarray, parameters: ScannParameters, k: int) -> str:
    digest = hashlib.sha256(repr((parameters, k)).encode())
    digest.update("\0".join(candidate_ids).encode())
    digest.update(np.ascontiguousarray(embeddings, np.float32))
    return digest.hexdigest()


def configure(builder, parameters: ScannParameters):
    """Returns one of ScaNN's builders set up with the parameters."""
    if parameters.num_leaves:
        builder = builder.tree(num_leaves=parameters.num_leaves, num_leaves_to_search=parameters.num_leaves_to_search)
    if not parameters.dimensions_per_block:
        return builder.score_brute_force()
    builder = builder.score_ah(
        parameters.dimensions_per_block, anisotropic_quantization_threshold=_ANISOTROPIC_THRESHOLD
    )
    return builder.reorder(parameters.num_reordering_candidates)
