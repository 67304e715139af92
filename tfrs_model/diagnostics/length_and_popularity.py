"""Whether the length of an embedding says how popular its candidate is."""

import numpy as np

from tfrs_model.diagnostics import rank_agreement
from tfrs_model.metrics.popularity import NUM_DECILES, popularity_deciles


def length_popularity_correlation(embeddings: np.ndarray, counts: np.ndarray) -> float:
    """Returns Spearman's rank correlation of the lengths of embeddings with the counts of their candidates.

    Args:
      embeddings: `[num_candidates, embedding_dim]` floats.
      counts: `[num_candidates]` training interactions.

    Returns:
      In [-1, 1]; NaN where all lengths, or all counts, are the same.
    """
    lengths = np.linalg.norm(embeddings, axis=1)
    return float(rank_agreement.rank_correlations(lengths[np.newaxis], np.asarray(counts, np.float64)[np.newaxis])[0])


def mean_length_by_decile(embeddings: np.ndarray, counts: np.ndarray) -> list[float]:
    """Returns the mean length in each tenth of the corpus, the most popular tenth first.

    Args:
      embeddings: `[num_candidates, embedding_dim]` floats, ten candidates at least.
      counts: `[num_candidates]` training interactions, see `popularity_deciles`.

    Raises:
      ValueError: if a tenth would be empty.
    """
    if len(counts) < NUM_DECILES:
        raise ValueError(f"A corpus must have {NUM_DECILES} candidates to be cut into tenths, but has {len(counts)}.")
    deciles, lengths = popularity_deciles(counts), np.linalg.norm(embeddings, axis=1)
    return (np.bincount(deciles, weights=lengths) / np.bincount(deciles)).tolist()
