"""What may be done to interactions before a model is trained on them, so that popularity does not rule its cosines.

Steck, Ekanadham and Kallus (WWW 2024, sec. 3) name three: standardising, a correction by a power of the frequency as
the negative sampling of word2vec has it, and inverse propensities. Each is here a shift and a divisor of the columns
of X, which a closed form is then fitted to, and which scores can be brought back from.
"""

import dataclasses
from typing import Any

import numpy as np

# Mikolov et al., NeurIPS 2013, sec. 2.2.
WORD2VEC_EXPONENT = 0.75
# Saito et al., WSDM 2020, sec. 4.1.
PROPENSITY_EXPONENT = 0.5


@dataclasses.dataclass(frozen=True)
class ColumnTransform:
    """(X - shift) / divisor, column by column.

    Attributes:
      shift: `[num_candidates]` float64.
      divisor: `[num_candidates]` float64, > 0.
    """

    shift: np.ndarray
    divisor: np.ndarray

    def apply(self, chosen: Any) -> Any:
        """Returns transformed interactions `[num_queries, num_candidates]`; sparse ones stay so if nothing shifts."""
        if np.any(self.shift):
            dense = chosen.toarray() if hasattr(chosen, "toarray") else chosen
            return (dense - self.shift) / self.divisor
        return chosen * (1.0 / self.divisor)[np.newaxis]

    def undo(self, scores: np.ndarray) -> np.ndarray:
        """Returns scores `[num_queries, num_candidates]` of transformed interactions in the units of X."""
        return scores * self.divisor + self.shift


def leave(chosen: Any) -> ColumnTransform:
    """Returns the transform that changes nothing."""
    return ColumnTransform(np.zeros(chosen.shape[1]), np.ones(chosen.shape[1]))


def standardise(chosen: Any) -> ColumnTransform:
    """Returns the transform to mean 0 and variance 1; a column of one value, which has no variance, becomes 0.

    The column [1, 0, 0, 0], of mean .25 and deviation .433, becomes [1.732, -.577, -.577, -.577].
    """
    num_queries = chosen.shape[0]
    mean = _column_sums(chosen) / num_queries
    variance = _column_sums(chosen.astype(np.float64) ** 2) / num_queries - mean**2
    # Rounding of a constant column's variance is of the order of 1e-16 of its square.
    is_constant = variance <= 1e-12 * mean**2
    return ColumnTransform(mean, np.where(is_constant, 1.0, np.sqrt(np.where(is_constant, 1.0, variance))))


def correct_popularity(chosen: Any, exponent: float = WORD2VEC_EXPONENT) -> ColumnTransform:
    """Returns the transform that divides by frequency^exponent, the frequency relative to that of the most popular.

    With 16 and 1 interactions and 3/4 the divisors are 1 and 1/8. At 1/2 the columns of a 0-1 matrix become equally
    long; above, the rare ones are the longer ones. A candidate that nobody chose keeps its zeros.

    Args:
      chosen: `[num_queries, num_candidates]` >= 0, some of them above.
      exponent: >= 0.
    """
    counts = _column_sums(chosen)
    relative = np.where(counts > 0.0, counts, counts.max()) / counts.max()
    return ColumnTransform(np.zeros_like(relative), relative**exponent)


def weight_by_inverse_propensity(chosen: Any) -> ColumnTransform:
    """Returns the transform that divides by the propensity (frequency / that of the most popular)^(1/2).

    With the estimate of Saito et al. (WSDM 2020) an interaction counts 1 / p times as positive and 1 - 1 / p times as
    negative. For a squared error that is, but for a constant, the squared distance to X / p:

        x / p (1 - s)^2 + (1 - x / p) s^2 = (s - x / p)^2 + x / p - (x / p)^2

    so the unbiased loss is fitted by the same closed form.
    """
    return correct_popularity(chosen, PROPENSITY_EXPONENT)


# By name, each makes the transform of some interactions.
REMEDIES = {
    "standardised": standardise,
    "popularity^3/4 divided out": correct_popularity,
    "inverse propensity": weight_by_inverse_propensity,
}


def _column_sums(chosen: Any) -> np.ndarray:
    return np.asarray(chosen.sum(axis=0), np.float64).ravel()
