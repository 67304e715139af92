"""The approximate index: ScaNN's searcher inside the served graph."""

import dataclasses
import hashlib
import math
import uuid
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from scann.scann_ops.py import scann_ops

from serving.index import candidate_index

# ScaNN's own rule of thumb for which scoring pays at which size.
_BRUTE_FORCE_BELOW = 20_000
_TREE_FROM = 100_000
_ANISOTROPIC_THRESHOLD = 0.2
# On 20,000 random unit vectors of 16 dimensions the ten best are found to .90 after reordering 100
# candidates, to .98 after 300 and to .996 after 500; scoring 500 vectors costs microseconds.
_MIN_REORDERING = 500


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
    and gives equal exports equal bytes.

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
        self._shared_name = f"scann/{_digest(candidate_ids, embeddings, self._parameters, k)}"
        builder = scann_ops.builder(embeddings, min(k, len(candidate_ids)), "dot_product")
        # The searcher of this process gets a name that no other has, even if equal: it is not the one that is served.
        searcher = _configure(builder, self._parameters).build(shared_name=f"scann/{uuid.uuid4().hex}")
        self._state = searcher.serialize_to_module()

    @property
    def parameters(self) -> dict:
        """What the searcher was built with."""
        return dataclasses.asdict(self._parameters)

    @property
    def needs_scann_ops(self) -> bool:
        """Searching is ScaNN's own operation."""
        return True

    def search_rows(self, query_embeddings: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds about the k best rows; a query whose searched leaves hold fewer gets fewer."""
        state = self._state
        handle = scann_ops.tensors_to_scann(
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
        # ScaNN cuts an answer at the number before reordering without a word.
        before_reordering = max(k, self._parameters.num_reordering_candidates)
        rows, scores = scann_ops.ScannSearcher(handle).search_batched(
            query_embeddings, final_num_neighbors=k, pre_reorder_num_neighbors=before_reordering
        )
        # A slot that ScaNN could not fill holds row 0 and the score NaN.
        return tf.where(tf.math.is_nan(scores), -1, tf.cast(rows, tf.int32)), scores


def _digest(candidate_ids: Sequence[str], embeddings: np.ndarray, parameters: ScannParameters, k: int) -> str:
    digest = hashlib.sha256(repr((parameters, k)).encode())
    digest.update("\0".join(candidate_ids).encode())
    digest.update(np.ascontiguousarray(embeddings, np.float32))
    return digest.hexdigest()


def _configure(builder, parameters: ScannParameters):
    if parameters.num_leaves:
        builder = builder.tree(num_leaves=parameters.num_leaves, num_leaves_to_search=parameters.num_leaves_to_search)
    if not parameters.dimensions_per_block:
        return builder.score_brute_force()
    builder = builder.score_ah(
        parameters.dimensions_per_block, anisotropic_quantization_threshold=_ANISOTROPIC_THRESHOLD
    )
    return builder.reorder(parameters.num_reordering_candidates)
