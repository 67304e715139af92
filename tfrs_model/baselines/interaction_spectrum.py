"""The singular values of what queries chose, and how many of them are more than rounding."""

import dataclasses
from typing import Any

import numpy as np


class InteractionSpectrumError(ValueError):
    """Interactions that have no spectrum; the message says which rule they break."""


@dataclasses.dataclass(frozen=True)
class InteractionSpectrum:
    """The right half of the singular value decomposition X = U diag(s) V'.

    It is that of the Gram matrix X'X = V diag(s^2) V', so that it costs `num_candidates`^3 however many queries there
    are, and three matrices of `num_candidates`^2 float64. Squaring halves the digits: singular values below
    s_1 sqrt(max(X.shape) 2^-52), a millionth of the largest at most in any X of 4,000 columns and rows or less, cannot
    be told from 0 and count as 0.

    Attributes:
      singular_values: `[rank]` float64, largest first, each above that bound.
      vectors: `[num_candidates, rank]` float64, V, orthonormal columns; the row of a candidate that nobody chose is 0.
    """

    singular_values: np.ndarray
    vectors: np.ndarray

    @property
    def num_candidates(self) -> int:
        """Columns of X."""
        return len(self.vectors)

    @property
    def rank(self) -> int:
        """How many singular values of X are not 0."""
        return len(self.singular_values)

    @property
    def energy(self) -> float:
        """|X|^2, the sum of the squares of all interactions; penalties are best thought of relative to it."""
        return float(np.sum(self.singular_values**2))

    @classmethod
    def of(cls, chosen: Any) -> "InteractionSpectrum":
        """Returns the spectrum of interactions.

        X = [[3, 0], [0, 0], [4, 0]] has the singular value 5 and rank 1.

        Args:
          chosen: `[num_queries, num_candidates]` finite numbers, X: a NumPy array or any of SciPy's sparse ones.

        Raises:
          InteractionSpectrumError: if a number is not finite, or all are 0.
        """
        gram = gram_matrix(chosen)
        if not np.isfinite(gram).all():
            raise InteractionSpectrumError("Interactions must be finite numbers, but some are NaN, infinite or huge.")
        squares, vectors = np.linalg.eigh(gram)
        squares, vectors = squares[::-1], vectors[:, ::-1]
        smallest = squares[0] * max(chosen.shape) * np.finfo(np.float64).eps
        rank = int(np.sum(squares > max(smallest, 0.0)))
        if not rank:
            raise InteractionSpectrumError(f"Interactions of shape {chosen.shape} must not all be 0; there are none.")
        # Rounding would give a candidate that nobody chose a direction, and so cosines.
        kept = np.where(np.diag(gram)[:, np.newaxis] > 0.0, vectors[:, :rank], 0.0)
        return cls(np.sqrt(squares[:rank]), kept)


def spectrum_bytes(num_candidates: int) -> int:
    """Returns the memory that `InteractionSpectrum.of` takes: with 10,000 candidates 2.4 GB."""
    return 3 * 8 * num_candidates**2


def gram_matrix(chosen: Any) -> np.ndarray:
    """Returns `[num_candidates, num_candidates]` float64, X'X, of a NumPy array or one of SciPy's sparse ones."""
    values = chosen.astype(np.float64)
    gram = values.T @ values
    return gram.toarray() if hasattr(gram, "toarray") else gram
