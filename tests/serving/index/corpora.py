"""Corpora that indexes find hard, and every kind of index over them."""

from collections.abc import Callable, Sequence

import numpy as np

from serving.index import brute_force, candidate_index, partitioned, scann_index

Make = Callable[[Sequence[str], np.ndarray], candidate_index.CandidateIndex]


def names(num_candidates: int) -> list[str]:
    """Returns ids."""
    return [f"c{i}" for i in range(num_candidates)]


def adversarial(num_candidates: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    """Returns vectors of which a twentieth are copies, two are zero and one is long."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=[num_candidates, dim]).astype(np.float32)
    if num_candidates >= 20:
        copies = generator.choice(num_candidates, num_candidates // 20, replace=False)
        vectors[copies] = vectors[(copies + 7) % num_candidates]
        vectors[generator.choice(num_candidates, 2, replace=False)] = 0.0
        vectors[generator.integers(num_candidates)] *= 3.0
    return vectors


def _exact_scann(ids: Sequence[str], vectors: np.ndarray) -> candidate_index.CandidateIndex:
    """A quantised tree that reads all leaves and scores everything again."""
    if len(ids) < 40:
        return scann_index.ScannIndex(ids, vectors, 10)
    parameters = scann_index.ScannParameters(8, 8, 2, num_reordering_candidates=len(ids))
    return scann_index.ScannIndex(ids, vectors, 10, parameters)


def _exact_partitioned(ids: Sequence[str], vectors: np.ndarray) -> candidate_index.CandidateIndex:
    num_leaves = min(8, len(ids))
    parameters = partitioned.PartitionedParameters(num_leaves, num_leaves)
    index = partitioned.PartitionedIndex(ids, vectors, 10, parameters)
    index.search_leaves(index.num_leaves)
    return index


def _coarse_scann(ids: Sequence[str], vectors: np.ndarray) -> candidate_index.CandidateIndex:
    """A tree of which one leaf in 20 is read."""
    return scann_index.ScannIndex(ids, vectors, 10, scann_index.ScannParameters(20, 1, 0, 0))


def _coarse_partitioned(ids: Sequence[str], vectors: np.ndarray) -> candidate_index.CandidateIndex:
    return partitioned.PartitionedIndex(ids, vectors, 10, partitioned.PartitionedParameters(20, 1))


EXACT: dict[str, Make] = {
    "brute_force": brute_force.BruteForceIndex,
    "scann": _exact_scann,
    "partitioned": _exact_partitioned,
}
COARSE: dict[str, Make] = {"scann": _coarse_scann, "partitioned": _coarse_partitioned}
