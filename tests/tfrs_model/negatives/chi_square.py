"""Pearson's test of draws against a distribution, without a table of quantiles."""

import numpy as np


def z_of_draws(draws: np.ndarray, probability: np.ndarray, least_expected: float = 5.0) -> float:
    """Returns how many standard deviations Pearson's statistic lies above what the distribution would give.

    Cells that expect fewer than `least_expected` draws are put into one. The statistic
    is brought to a normal one by the cube root of Wilson and Hilferty (1931).
    """
    observed = np.bincount(draws, minlength=len(probability)).astype(float)
    expected = len(draws) * np.asarray(probability, np.float64)
    assert observed[expected == 0.0].sum() == 0.0
    is_large = expected >= least_expected
    observed, expected = (
        np.append(each[is_large], each[~is_large].sum()) if (~is_large & (expected > 0)).any() else each[is_large]
        for each in (observed, expected)
    )
    degrees = len(expected) - 1
    statistic = np.sum((observed - expected) ** 2 / expected)
    variance = 2.0 / (9.0 * degrees)
    return float(((statistic / degrees) ** (1 / 3) - (1.0 - variance)) / np.sqrt(variance))
