"""Netflix's two regularised linear models as baselines."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfrs_model.baselines import interaction_spectrum, linear_models, query_states, scorer
from tfrs_model.baselines import interactions as interactions_lib

_FITS = {
    "product": linear_models.fit_product_penalty,
    "factors": linear_models.fit_factor_penalty,
}
OBJECTIVES = tuple(_FITS)


class HistoryFactors(scorer.InnerProductScorer):
    """Embeds a query as the sum of a vector for each candidate of its history, once each.

    Args:
      encoder: `[num_candidates, width]`, A.
      candidate_embeddings: `[num_candidates, width]`, B.
    """

    def __init__(self, encoder: np.ndarray, candidate_embeddings: np.ndarray):
        self._encoder = tf.constant(encoder, tf.float32)
        self._candidates = candidate_embeddings.astype(np.float32)

    @property
    def candidate_embeddings(self) -> np.ndarray:
        """`[num_candidates, width]` float32."""
        return self._candidates

    def embed_queries(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, width]` float32, X A; 0 for a query without history."""
        return tf.sparse.sparse_dense_matmul(states.chosen(len(self._candidates)), self._encoder).numpy()


@dataclasses.dataclass(frozen=True)
class LinearAutoencoder:
    """X ~ X A B' with few columns (Steck, Ekanadham and Kallus, WWW 2024, sec. 2); weights and times do not count.

    Attributes:
      objective: `product` keeps A B' small, `factors` X A and B; see `linear_models`.
      penalty: > 0; for `factors` below the largest singular value of X.
      rank: columns of the factors, >= 1, at most `num_candidates`.

    Raises:
      InteractionsError: if a parameter is out of its range whatever it is fitted to.
    """

    objective: str
    penalty: float
    rank: int

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise interactions_lib.InteractionsError(
                f"objective must be one of {', '.join(OBJECTIVES)}, but is {self.objective!r}."
            )
        if not 0.0 < self.penalty < math.inf:
            raise interactions_lib.InteractionsError(f"penalty must be > 0 and finite, but is {self.penalty}.")
        if self.rank < 1:
            raise interactions_lib.InteractionsError(f"rank must be >= 1, but is {self.rank}.")

    def fit(self, interactions: interactions_lib.Interactions) -> HistoryFactors:
        """Solves the closed form.

        Raises:
          LinearModelError: if the penalty or the rank is out of range.
        """
        spectrum = interaction_spectrum.InteractionSpectrum.of(interactions.matrix())
        fitted = _FITS[self.objective](spectrum, self.penalty, self.rank)
        return HistoryFactors(fitted.encoder, fitted.candidate_embeddings)
