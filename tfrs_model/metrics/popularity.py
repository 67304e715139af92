"""Which tenth of the corpus a candidate belongs to by its popularity."""

import numpy as np

NUM_DECILES = 10


def popularity_deciles(counts: np.ndarray) -> np.ndarray:
    """Returns the tenth of the corpus of each candidate; 0 is the most popular.

    Twenty candidates of the counts 0, 10, ..., 190 have the deciles 9, 9, 8, 8, ..., 0, 0.

    Args:
      counts: `[num_candidates]` training interactions of each candidate; ties are cut by row, so that
        the tenths are of equal size to one candidate.

    Returns:
      `[num_candidates]` int64 in [0, 10).
    """
    order = np.argsort(-np.asarray(counts, np.int64), kind="stable")
    deciles = np.empty(len(order), np.int64)
    deciles[order] = np.arange(len(order)) * NUM_DECILES // max(1, len(order))
    return deciles
