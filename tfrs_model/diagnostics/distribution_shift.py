"""How far new interactions are distributed otherwise than earlier ones."""

import numpy as np
from scipy import stats

# A group of one of the two alone would make the index infinite.
_ADDED_TO_EACH_COUNT = 0.5


def population_stability_index(expected_counts: np.ndarray, actual_counts: np.ndarray) -> float:
    """Returns how far counts by group have moved away from what was expected; 0 if not at all.

        PSI = sum_g (a_g - e_g) ln(a_g / e_g)

    over the shares of the groups, as in Siddiqi (Credit Risk Scorecards, 2006), who calls a population stable below .1
    and changed above .25. It is the divergence of Jeffreys (1946): the same in both directions, and never negative.
    Half an interaction is added to every count, so that a group that only one of the two has adds much and not
    infinitely much. Counts [50, 50] that become [20, 80] have the shares [.5, .5] and [20.5, 80.5] / 101, so
    -.297 ln .406 + .297 ln 1.594 = .406.

    Args:
      expected_counts: `[num_groups]` of earlier interactions, >= 0.
      actual_counts: `[num_groups]` of new ones, >= 0.

    Returns:
      The index, >= 0; NaN where either side has no interactions.

    Raises:
      ValueError: if there is not one count of each for every group, or one is negative.
    """
    expected, actual = (np.asarray(each, np.float64) for each in (expected_counts, actual_counts))
    if expected.shape != actual.shape or expected.ndim != 1:
        raise ValueError(
            f"Every group needs an expected and an actual count, but their shapes are {expected.shape} and "
            f"{actual.shape}; give 0 for a group that one of them lacks."
        )
    if min(expected.min(initial=0.0), actual.min(initial=0.0)) < 0.0:
        raise ValueError("Counts of interactions must be >= 0, but one is negative.")
    if not expected.sum() or not actual.sum():
        return float("nan")
    e, a = (_shares(each) for each in (expected, actual))
    return float(np.sum((a - e) * np.log(a / e)))


def stability_index_of_chance(num_groups: int, num_expected: int, num_actual: int) -> float:
    """Returns about what the index is if nothing has moved, from the sizes of both samples alone.

        (num_groups - 1) (1 / num_expected + 1 / num_actual)

    as Yurdakul (Statistical Properties of Population Stability Index, Western Michigan University 2018) derives: the
    index over that factor of sizes is distributed as chi-squared of num_groups - 1 degrees of freedom. An index of
    20 groups, 10,000 expected and 200 actual interactions is .097 by chance alone. NaN without interactions.
    """
    if not num_expected or not num_actual:
        return float("nan")
    return (num_groups - 1) * (1.0 / num_expected + 1.0 / num_actual)


def counts_by_doubling(
    levels: np.ndarray, expected_counts: np.ndarray, actual_counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Adds interactions up by how popular their candidates were, each group twice as popular as the one before.

    Group g is of the candidates with 2^g to 2^(g + 1) - 1 earlier interactions. Candidates are not told apart by
    more than that: which of two equals is chosen is no drift of popularity. Levels [1, 2, 3, 8] are of the groups
    [0, 1, 1, 3].

    Args:
      levels: `[num_levels]` earlier interactions of each candidate of a level, >= 1.
      expected_counts: `[num_levels]` earlier interactions with all candidates of a level.
      actual_counts: `[num_levels]` new interactions with them.

    Returns:
      `[num_groups]` float64 of both, the least popular group first, without groups that have no candidate.

    Raises:
      ValueError: if a level is below 1.
    """
    levels = np.asarray(levels, np.int64)
    if levels.min(initial=1) < 1:
        raise ValueError(
            f"Levels are earlier interactions of a candidate that has some, but one is {levels.min()}; leave it out."
        )
    # Exact for every integer below 2**53: frexp gives x = m 2**e with m in [.5, 1).
    groups = np.unique(np.frexp(levels.astype(np.float64))[1] - 1, return_inverse=True)[1]
    return np.bincount(groups, weights=expected_counts), np.bincount(groups, weights=actual_counts)


def share(part: int, whole: int) -> float:
    """Returns which share of a whole a part is, such as interactions with new candidates; NaN of nothing.

    Raises:
      ValueError: if the part is negative or more than the whole.
    """
    if not 0 <= part <= whole:
        raise ValueError(f"A part must be between 0 and the whole of {whole}, but is {part}; count both of the same.")
    return part / whole if whole else float("nan")


def chance_of_as_many(num_found: int, num_drawn: int, num_found_before: int, num_drawn_before: int) -> float:
    """Returns how likely so many finds, or more, are if they are no more frequent than they were.

    The upper tail of the binomial distribution of `num_drawn` and the share of finds before, with one find more, so
    that what was never found is not impossible:

        sum_{i >= num_found} C(n, i) p^i (1 - p)^(n - i),  n = num_drawn,
        p = (num_found_before + 1) / (num_drawn_before + 1)

    Of 3 new ids among 3, where 1 of 7 was new before, p is .25 and the chance 1 / 64.

    Args:
      num_found: such as ids of a day that no day before has.
      num_drawn: all ids of the day.
      num_found_before: the same of an earlier day.
      num_drawn_before: likewise.
    """
    usual = (num_found_before + 1) / (num_drawn_before + 1)
    return float(stats.binom.sf(num_found - 1, num_drawn, usual))


def _shares(counts: np.ndarray) -> np.ndarray:
    added = counts + _ADDED_TO_EACH_COUNT
    return added / added.sum()
