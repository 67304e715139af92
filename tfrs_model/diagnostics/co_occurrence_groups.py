"""Groups of candidates that are chosen by the same queries, where no column says what belongs together."""

import numpy as np
from scipy import sparse

from tfrs_model.baselines import interaction_spectrum
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.diagnostics import cosines

# The spectrum holds three matrices of num_candidates^2 float64: 2.4 GB.
MAX_CANDIDATES = 10_000


class CoOccurrenceGroupsError(ValueError):
    """Interactions that cannot be parted into as many groups; the message says why."""


def co_occurrence_groups(interactions: interactions_lib.Interactions, num_groups: int) -> np.ndarray:
    """Parts the candidates so that few queries choose from two groups, by their spectrum.

    The graph has queries on one side, candidates on the other, and an edge for each pair that was chosen. With d the
    degrees, the leading right singular vectors of D_q^-1/2 X D_c^-1/2 nearly say who is in which of the groups that
    the fewest edges join (Dhillon, KDD 2001, sec. 4). They are read off by a QR factorisation with column pivoting,
    that of the direction of each candidate, which needs no start and no seed: each group is the candidates nearest to
    one of `num_groups` candidates that stand as orthogonally as can be (Damle, Minden and Ying, Information and
    Inference 2019, algorithm 1). Groups that never occur together are found exactly when there are `num_groups` of
    them.

    Args:
      interactions: pairs; how often one was chosen does not count.
      num_groups: >= 2.

    Returns:
      `[num_candidates]` int64 in [0, num_groups), and `num_groups` for a candidate that nobody chose.

    Raises:
      CoOccurrenceGroupsError: if there are more than `MAX_CANDIDATES` candidates, or fewer independent ones that
        were chosen than groups.
    """
    if interactions.num_candidates > MAX_CANDIDATES:
        raise CoOccurrenceGroupsError(
            f"Groups are found by a dense matrix of at most {MAX_CANDIDATES:,} candidates, but there are "
            f"{interactions.num_candidates:,}; give the groups by a column."
        )
    chosen = interactions.matrix()
    of_queries, of_candidates = chosen.sum(axis=1), chosen.sum(axis=0)
    by_query, by_candidate = (
        sparse.diags_array(1.0 / np.sqrt(np.maximum(each, 1.0))) for each in (of_queries, of_candidates)
    )
    spectrum = interaction_spectrum.InteractionSpectrum.of(by_query @ chosen @ by_candidate)
    if not 2 <= num_groups <= spectrum.rank:
        raise CoOccurrenceGroupsError(
            f"num_groups must be in [2, {spectrum.rank}], the rank of what was chosen, but is {num_groups}."
        )
    groups = _nearest_pivots(cosines.unit_rows(spectrum.vectors[:, :num_groups]))
    return np.where(of_candidates > 0.0, groups, num_groups)


def _nearest_pivots(directions: np.ndarray) -> np.ndarray:
    """Returns for each row the pivot whose direction, made orthogonal to those of the others, it is nearest to."""
    left = directions.copy()
    pivots = []
    for _ in range(directions.shape[1]):
        pivots.append(int(np.argmax(np.sum(left**2, axis=1))))
        axis = left[pivots[-1]] / np.linalg.norm(left[pivots[-1]])
        left -= np.outer(left @ axis, axis)
    u, _, vt = np.linalg.svd(directions[pivots].T)
    return np.argmax(np.abs(directions @ (u @ vt)), axis=1)
