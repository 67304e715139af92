"""A picture of embeddings in a few dimensions, as much of them as a linear one can show."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Projection:
    """Rows seen along the directions in which they differ most.

    Attributes:
      coordinates: `[num_rows, num_components]` float64, with mean 0 in each column.
      kept_variance: `[num_components]` float64, the share of all variance that each direction shows; falling, and 0
        where all rows are equal.
    """

    coordinates: np.ndarray
    kept_variance: np.ndarray


def project(embeddings: np.ndarray, num_components: int = 2) -> Projection:
    """Projects rows on their principal components (Pearson, Philosophical Magazine 1901), by singular values.

        centred = embeddings - mean = U S V^T;  coordinates = U S;  kept_variance = S^2 / sum(S^2)

    The rows (0, 0), (4, 0), (0, 2), (4, 2) have the coordinates (-2, .), (2, .), ... with 16 / 20 = .8 of the variance
    in the first direction and .2 in the second.

    A direction and its opposite show the same; the one is taken in which the farthest row is on the positive side, the
    first of them where several are as far.

    Args:
      embeddings: `[num_rows, embedding_dim]` floats, of one row at least.
      num_components: directions, >= 1; where the rows span fewer, the rest of the columns are 0.
    """
    centred = np.asarray(embeddings, np.float64) - np.mean(embeddings, axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    shown = min(num_components, len(singular))
    coordinates = np.zeros([len(centred), num_components])
    kept = np.zeros(num_components)
    coordinates[:, :shown] = left[:, :shown] * singular[:shown]
    total = np.sum(singular**2)
    if total > 0.0:
        kept[:shown] = singular[:shown] ** 2 / total
    farthest = coordinates[np.argmax(np.abs(coordinates), axis=0), np.arange(num_components)]
    return Projection(coordinates * np.where(farthest < 0.0, -1.0, 1.0), kept)
