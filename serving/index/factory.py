"""Chooses and builds an index."""

from collections.abc import Sequence

import numpy as np

from serving.index import brute_force, candidate_index

KINDS = ("auto", "brute_force", "scann")

# Below this ScaNN itself would score every candidate, and stock operations serve anywhere.
_SCANN_FROM = 20_000


def build_index(
    kind: str, candidate_ids: Sequence[str], embeddings: np.ndarray, k: int
) -> candidate_index.CandidateIndex:
    """Builds an index over the corpus.

    Args:
      kind: `brute_force` (exact, stock TensorFlow operations), `scann` (approximate,
        needs ScaNN's operations where it is served) or `auto` (brute force below
        20,000 candidates, ScaNN from there on).
      candidate_ids: unique, non-empty ids.
      embeddings: `[num_candidates, embedding_dim]` float32.
      k: how many candidates a query asks for.

    Raises:
      CandidateIndexError: on an unknown kind, or candidates that cannot be indexed.
    """
    if kind not in KINDS:
        raise candidate_index.CandidateIndexError(f"index must be one of {', '.join(KINDS)}, but is {kind!r}.")
    if kind == "brute_force" or (kind == "auto" and len(candidate_ids) < _SCANN_FROM):
        return brute_force.BruteForceIndex(candidate_ids, embeddings)
    # ScaNN's operation library is loaded only where it is used.
    from serving.index import scann_index

    return scann_index.ScannIndex(candidate_ids, embeddings, k)
