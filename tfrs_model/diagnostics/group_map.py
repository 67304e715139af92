"""A picture of embeddings in two dimensions, in which groups stand apart as far as a linear map can tell them apart."""

import numpy as np


def places_by_group(candidates: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the picture of the embedding that best tells the groups apart.

    Each group has a corner of a regular polygon around the origin, and the embedding less its mean is mapped
    linearly, by least squares, so that each candidate comes near the corner of its group. The plane of the largest
    singular values would show two of many orthogonal groups and lay the others upon each other.

    Args:
      candidates: `[num_candidates, embedding_dim]`.
      groups: `[num_candidates]` int64 in [0, num_groups).

    Returns:
      `[num_candidates, 2]` places, and the share of the corners' squared distance from the origin that they explain.
    """
    angles = 2.0 * np.pi * groups / (np.max(groups) + 1)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centred = candidates - np.mean(candidates, axis=0, dtype=np.float64)
    places = centred @ np.linalg.lstsq(centred, corners, rcond=None)[0]
    return places, float(1.0 - np.sum((corners - places) ** 2) / np.sum(corners**2))
