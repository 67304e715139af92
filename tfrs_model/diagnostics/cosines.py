"""Cosines of embeddings, and which candidates they call near."""

import numpy as np


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """Returns the rows divided by their lengths; a row of length 0 has no direction and stays 0.

    [[3, 4], [0, 0]] becomes [[.6, .8], [0, 0]].

    Args:
      embeddings: `[..., embedding_dim]` floats.
    """
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.divide(embeddings, lengths, out=np.zeros_like(embeddings), where=lengths > 0.0)


def cosines(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the cosine of each row with each column; 0 where either has no direction, with itself too.

    Of [[3, 4]] with [[1, 0], [0, 2], [0, 0]] they are [[.6, .8, 0]].

    Args:
      rows: `[num_rows, embedding_dim]` floats.
      columns: `[num_columns, embedding_dim]` floats.

    Returns:
      `[num_rows, num_columns]`.
    """
    return unit_rows(rows) @ unit_rows(columns).T


def nearest(similarities: np.ndarray, k: int) -> np.ndarray:
    """Returns the k columns of the largest similarity for each row, best first; of equal ones the lower column.

    Args:
      similarities: `[num_rows, num_columns]`; -infinity is never among the nearest unless nothing else is left.
      k: in [1, `num_columns`].
    """
    return np.argsort(-similarities, axis=1, kind="stable")[:, :k]


def nearest_neighbours(embeddings: np.ndarray, k: int, rows: np.ndarray | None = None) -> np.ndarray:
    """Returns the candidates of the k largest cosines with some candidates, best first; none is its own neighbour.

    Args:
      embeddings: `[num_candidates, embedding_dim]` floats.
      k: in [1, `num_candidates` - 1].
      rows: `[num_asked]` the candidates whose neighbours are asked for; `None` for all.

    Returns:
      `[num_asked, k]` rows of `embeddings`.
    """
    asked = np.arange(len(embeddings)) if rows is None else rows
    similarities = cosines(embeddings[asked], embeddings)
    similarities[np.arange(len(asked)), asked] = -np.inf
    return nearest(similarities, k)
