"""Weighted matrix factorisation by alternating least squares: WALS, or implicit ALS."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrs_model import seeds
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import normal_equations, query_states, scorer


class WeightedAlsError(ValueError):
    """A parameter out of its range; the message names it."""


class Factors(scorer.InnerProductScorer):
    """What was fitted.

    Args:
      query_embeddings: `[num_queries, embedding_dim]` float64, U.
      candidate_embeddings: `[num_candidates, embedding_dim]` float64, V.
      fold_in: returns `[n, embedding_dim]` for the histories of n states, or `None` to answer with U.
    """

    def __init__(
        self,
        query_embeddings: np.ndarray,
        candidate_embeddings: np.ndarray,
        fold_in: Callable[[query_states.QueryStates], np.ndarray] | None,
    ):
        self._queries = query_embeddings.astype(np.float32)
        self._candidates = candidate_embeddings.astype(np.float32)
        self._fold_in = fold_in

    @property
    def candidate_embeddings(self) -> np.ndarray:
        """`[num_candidates, embedding_dim]` float32."""
        return self._candidates

    @property
    def query_embeddings(self) -> np.ndarray:
        """`[num_queries, embedding_dim]` float32, of all queries of the table; 0 for one without interactions."""
        return self._queries

    def embed_queries(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, embedding_dim]` float32: what was fitted, or what the histories fold in to."""
        if self._fold_in is None:
            return self._queries[states.query_rows]
        return self._fold_in(states).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class WeightedAls:
    """Factorises the matrix of who chose what, its unobserved pairs being zeros of a weight of their own.

    Minimised in turn over all rows of U and over all of V, each exactly (Hu et al., ICDM 2008; the weight of what is
    unobserved and gravity as in Google's course "Recommendation Systems", 2020, and Bayer et al., WWW 2017):

        sum over observed (q, i) of w[q, i] (1 - <u_q, v_i>)^2 + w_0 sum over unobserved (q, i) of <u_q, v_i>^2
            + g / (num_queries num_candidates) sum over all (q, i) of <u_q, v_i>^2 + r (|U|^2 + |V|^2)

    w is the sum of the weights of a pair's interactions. With w_0 = 0 and g = 0 only the observed pairs count, and
    what never occurs together may fold into one region. `implicit` minimises the same with w_0 = 1 / alpha and
    r = regularization / alpha, and so no w_0 = 0.

    With U = [[1]], V = [[.5], [.5]], the first of them observed, w = 1, w_0 = .4, g = .2 and r = .1 the value is
    .25 + .4 * .25 + .2 / 2 * .5 + .1 * 1.5 = .55.

    Attributes:
      embedding_dim: width of both factors, >= 1.
      unobserved_weight: w_0, >= 0.
      gravity: g, >= 0.
      regularization: r, > 0, without which a query of few interactions would have no unique vector.
      num_sweeps: how often both sides are solved, >= 1.
      folds_in: whether a query that asks is solved anew from its history, each candidate of it once with weight 1;
        else it has its fitted vector, and one that training did not know the vector 0.
      seed: of the initial V.

    Raises:
      WeightedAlsError: if a parameter is out of its range.
    """

    embedding_dim: int = 64
    unobserved_weight: float = 0.1
    gravity: float = 0.0
    regularization: float = 1.0
    num_sweeps: int = 15
    folds_in: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("embedding_dim", 1), ("unobserved_weight", 0), ("gravity", 0), ("num_sweeps", 1)):
            if not least <= getattr(self, name) < math.inf:
                raise WeightedAlsError(f"{name} must be finite and >= {least}, but is {getattr(self, name)}.")
        if not 0 < self.regularization < math.inf:
            raise WeightedAlsError(f"regularization must be finite and > 0, but is {self.regularization}.")

    def fit(
        self, interactions: interactions_lib.Interactions, on_sweep: Callable[[], object] = lambda: None
    ) -> Factors:
        """Solves both sides in turn, the queries first; `on_sweep` is called after each time."""
        queries, candidates, weights = interactions.pairs()
        of_all = self.unobserved_weight + self.gravity / interactions.num_queries / interactions.num_candidates

        def fix(side: np.ndarray) -> normal_equations.FixedSide:
            return normal_equations.FixedSide(side, of_all, self.unobserved_weight, self.regularization)

        of_queries = normal_equations.Observed.group(queries, candidates, weights, interactions.num_queries)
        of_candidates = normal_equations.Observed.group(candidates, queries, weights, interactions.num_candidates)
        v = self._initial(interactions.num_candidates)
        for _ in range(self.num_sweeps):
            u = fix(v).solve(of_queries)
            v = fix(u).solve(of_candidates)
            on_sweep()
        return Factors(u, v, _fold_in_to(fix(v)) if self.folds_in else None)

    def _initial(self, num_candidates: int) -> np.ndarray:
        seed = [seeds.derive_seed(self.seed, "baselines/weighted_als"), 0]
        drawn = tf.random.stateless_normal([num_candidates, self.embedding_dim], seed, dtype=tf.float64)
        return 0.1 / math.sqrt(self.embedding_dim) * drawn.numpy()


def _fold_in_to(candidates: normal_equations.FixedSide) -> Callable[[query_states.QueryStates], np.ndarray]:
    """Returns what solves for the vectors of states, each candidate of a history once with weight 1."""

    def fold_in(states: query_states.QueryStates) -> np.ndarray:
        chosen = states.history_lists.distinct()
        return candidates.solve(normal_equations.Observed(chosen.rows, np.ones(len(chosen.rows)), chosen.splits))

    return fold_in
