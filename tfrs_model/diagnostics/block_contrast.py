"""How well similarities show groups that are known."""

import numpy as np

from tfrs_model.diagnostics import cosines


def block_contrast(similarities: np.ndarray, groups: np.ndarray) -> float:
    """Returns the mean similarity of two members of one group minus that of two of different groups.

    1 for similarities that are the groups themselves, 0 for those that know nothing of them. With groups [0, 0, 1] and
    similarities .9 of the first two, .1 and .3 with the third, it is .9 - .2 = .7.

    Args:
      similarities: `[num_candidates, num_candidates]`, symmetric; the diagonal is left out.
      groups: `[num_candidates]` integers, at least two of them different and two the same.

    Raises:
      ValueError: if there is no pair inside a group, or none between two.
    """
    _, members = np.unique(groups, return_inverse=True)
    member_of = np.eye(members.max() + 1)[members]
    sizes = member_of.sum(axis=0)
    num_same = float(np.sum(sizes * (sizes - 1.0)))
    num_different = float(len(groups) ** 2 - np.sum(sizes**2))
    if not (num_same and num_different):
        raise ValueError("groups must have two members of one and members of two, but have not; there is no contrast.")
    sums = member_of.T @ similarities @ member_of
    same, different = np.trace(sums) - np.trace(similarities), sums.sum() - np.trace(sums)
    return float(same / num_same - different / num_different)


def neighbour_purity(similarities: np.ndarray, groups: np.ndarray, k: int) -> float:
    """Returns the share of the k most similar others that are of the same group, a mean over all candidates.

    It asks for order alone: a contrast of .01 between cosines that scatter little can have a purity of 1.

    Args:
      similarities: `[num_candidates, num_candidates]`; the diagonal is left out, of equal ones the lower row counts.
      groups: `[num_candidates]` integers.
      k: in [1, `num_candidates` - 1].
    """
    others = similarities.copy()
    np.fill_diagonal(others, -np.inf)
    return float(np.mean(groups[cosines.nearest(others, k)] == groups[:, np.newaxis]))
