"""Chooses and builds an index."""

from collections.abc import Sequence

import numpy as np

from serving.index import brute_force, candidate_index, partitioned

KINDS = ("auto", "brute_force", "scann", "partitioned")

# Below this ScaNN itself would score every candidate, and stock operations serve anywhere.
_APPROXIMATE_FROM = 20_000


def choose_kind(kind: str, num_candidates: int, target_recall: float) -> str:
    """Returns which index is built where `auto` is asked for.

    Args:
      kind: a name in `KINDS`; any but `auto` is returned as it is.
      num_candidates: size of the corpus.
      target_recall: share of the exact answer that is to be found; 1 is only certain of an exact index.

    Raises:
      CandidateIndexError: on an unknown kind.
    """
    if kind not in KINDS:
        raise candidate_index.CandidateIndexError(f"index must be one of {', '.join(KINDS)}, but is {kind!r}.")
    if kind != "auto":
        return kind
    return "brute_force" if num_candidates < _APPROXIMATE_FROM or target_recall >= 1.0 else "scann"


def build_index(
    kind: str,
    candidate_ids: Sequence[str],
    embeddings: np.ndarray,
    k: int,
    target_recall: float = 0.95,
    storage: str = "float32",
) -> candidate_index.CandidateIndex:
    """Builds an index over the corpus, not tuned yet.

    Args:
      kind: `brute_force` (exact, stock TensorFlow operations), `partitioned` (approximate,
        stock operations), `scann` (approximate and fastest, needs ScaNN's operations where it
        is served) or `auto` (brute force below 20,000 candidates or for a recall of 1, else ScaNN).
      candidate_ids: unique, non-empty ids.
      embeddings: `[num_candidates, embedding_dim]` float32.
      k: how many candidates a query asks for.
      target_recall: what `auto` decides by.
      storage: of a partitioned index, `float32` or `float16`; others store float32.

    Raises:
      CandidateIndexError: on an unknown kind, or candidates that cannot be indexed.
    """
    kind = choose_kind(kind, len(candidate_ids), target_recall)
    if storage != "float32" and kind != "partitioned":
        raise candidate_index.CandidateIndexError(
            f"Only the partitioned index stores {storage}, but the index is {kind}; choose float32 or partitioned."
        )
    if kind == "brute_force":
        return brute_force.BruteForceIndex(candidate_ids, embeddings)
    if kind == "partitioned":
        parameters = partitioned.PartitionedParameters.for_corpus(len(candidate_ids), storage)
        return partitioned.PartitionedIndex(candidate_ids, embeddings, k, parameters)
    # ScaNN's operation library is loaded only where it is used.
    from serving.index import scann_index

    return scann_index.ScannIndex(candidate_ids, embeddings, k)
