"""Two regularised linear models in closed form (Steck, Ekanadham and Kallus, WWW 2024, sec. 2).

Both predict what a query chose, a row of X, by X A B' with factors of few columns, and differ in what they keep small:

    (1)  |X - X A B'|^2 + penalty |A B'|^2
    (2)  |X - X A B'|^2 + penalty (|X A|^2 + |B|^2)

With X = U diag(s) V' the optima are, for the largest singular values s and their columns of V,

    (1)  A = B = V diag(1 / (1 + penalty / s^2))^(1/2), and A D, B D^-1 for any invertible D: only A B' is determined
    (2)  A = V diag((1 - penalty / s)+ / s)^(1/2),  B = V diag(s (1 - penalty / s)+)^(1/2), but for rotations

so that the cosines of (1) are arbitrary, and those of (2) a choice of the penalty. Names of the paper: A is
`encoder`, B is `candidate_embeddings`.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from tfrs_model.baselines.interaction_spectrum import InteractionSpectrum


class LinearModelError(ValueError):
    """A linear model that cannot be fitted; the message says which rule is broken."""


@dataclasses.dataclass(frozen=True)
class LinearModel:
    """A fitted linear model.

    Attributes:
      encoder: `[num_candidates, width]` float64, A: what a query chose, times this, is its embedding.
      candidate_embeddings: `[num_candidates, width]` float64, B.
      singular_values: `[width]` float64 of X, largest first, one for each column of the factors.
      penalty: of the objective.
      remark: what a reader of the figures has to know, such as that X has not the rank that was asked for; or empty.
    """

    encoder: np.ndarray
    candidate_embeddings: np.ndarray
    singular_values: np.ndarray
    penalty: float
    remark: str = ""

    @property
    def width(self) -> int:
        """Columns of the factors."""
        return self.encoder.shape[1]

    def embed(self, chosen: Any) -> np.ndarray:
        """Returns `[num_queries, width]` embeddings X A of queries that chose `[num_queries, num_candidates]`."""
        return np.asarray(chosen @ self.encoder)

    def scores(self, chosen: Any) -> np.ndarray:
        """Returns `[num_queries, num_candidates]` predictions X A B'."""
        return self.embed(chosen) @ self.candidate_embeddings.T

    def item_weights(self) -> np.ndarray:
        """Returns `[num_candidates, num_candidates]` A B', the one thing that both objectives determine."""
        return self.encoder @ self.candidate_embeddings.T


def fit_product_penalty(spectrum: InteractionSpectrum, penalty: float, rank: int) -> LinearModel:
    """Returns the base solution of objective (1), which keeps the product A B' small.

    With s = 2 and penalty 4, A B' keeps 1 / (1 + 4 / 4) = .5 of that direction.

    Args:
      spectrum: of X.
      penalty: > 0.
      rank: columns of the factors, in [1, `num_candidates`]; less are left where X has a lower rank, and `remark`
        says so.

    Raises:
      LinearModelError: if the penalty or the rank is out of range.
    """
    _require_valid(spectrum, penalty, rank)
    values, vectors = spectrum.singular_values[:rank], spectrum.vectors[:, :rank]
    factors = vectors * np.sqrt(1.0 / (1.0 + penalty / values**2))
    return LinearModel(factors, factors, values, penalty, _rank_remark(spectrum, rank))


def fit_factor_penalty(spectrum: InteractionSpectrum, penalty: float, rank: int) -> LinearModel:
    """Returns the solution of objective (2), which keeps the embeddings of queries and candidates small.

    With s = 4 and penalty 1, A = .433 and B = 1.732, so that A B' keeps 1 - 1 / 4 = .75 of that direction.

    Args:
      spectrum: of X.
      penalty: > 0, and below the largest singular value of X; directions whose singular value it reaches are left out.
      rank: columns of the factors, in [1, `num_candidates`]; less are left where X has fewer singular values above
        the penalty, and `remark` says so.

    Raises:
      LinearModelError: if the penalty or the rank is out of range.
    """
    _require_valid(spectrum, penalty, rank)
    largest = spectrum.singular_values[0]
    if penalty >= largest:
        raise LinearModelError(
            f"penalty must be below the largest singular value of the interactions, {largest:.6g}, but is "
            f"{penalty:g}: from there on the best model is 0 everywhere; lower it."
        )
    above = spectrum.singular_values[:rank] > penalty
    values, vectors = spectrum.singular_values[:rank][above], spectrum.vectors[:, :rank][:, above]
    remark = _rank_remark(spectrum, rank)
    if len(values) < len(above):
        remark = f"{remark} Only {len(values)} of {len(above)} singular values are above the penalty.".strip()
    kept = 1.0 - penalty / values
    return LinearModel(vectors * np.sqrt(kept / values), vectors * np.sqrt(kept * values), values, penalty, remark)


def product_penalty_loss(chosen: Any, encoder: np.ndarray, candidate_embeddings: np.ndarray, penalty: float) -> float:
    """Returns objective (1), |X - X A B'|^2 + penalty |A B'|^2.

    X = [[1, 1]], A = [[1], [0]], B = [[1], [0]] and penalty 2 give 1 + 2 = 3.
    """
    weights = encoder @ candidate_embeddings.T
    return _squared_residual(chosen, encoder, candidate_embeddings) + penalty * float(np.sum(weights**2))


def factor_penalty_loss(chosen: Any, encoder: np.ndarray, candidate_embeddings: np.ndarray, penalty: float) -> float:
    """Returns objective (2), |X - X A B'|^2 + penalty (|X A|^2 + |B|^2).

    X = [[1, 1]], A = [[1], [0]], B = [[2], [0]] and penalty 2 give 2 + 2 (1 + 4) = 12.
    """
    lengths = np.sum(np.asarray(chosen @ encoder) ** 2) + np.sum(candidate_embeddings**2)
    return _squared_residual(chosen, encoder, candidate_embeddings) + penalty * float(lengths)


def _squared_residual(chosen: Any, encoder: np.ndarray, candidate_embeddings: np.ndarray) -> float:
    residual = np.asarray(chosen - np.asarray(chosen @ encoder) @ candidate_embeddings.T)
    return float(np.sum(residual**2))


def _rank_remark(spectrum: InteractionSpectrum, rank: int) -> str:
    if spectrum.rank >= rank:
        return ""
    return f"The interactions have rank {spectrum.rank}, fewer than the {rank} columns asked for."


def _require_valid(spectrum: InteractionSpectrum, penalty: float, rank: int) -> None:
    if not 0.0 < penalty < math.inf:
        raise LinearModelError(f"penalty must be > 0 and finite, but is {penalty:g}.")
    if not 1 <= rank <= spectrum.num_candidates:
        raise LinearModelError(
            f"rank must be between 1 and the {spectrum.num_candidates} candidates of the corpus, but is {rank}."
        )
