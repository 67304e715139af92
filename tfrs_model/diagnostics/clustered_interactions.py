"""Interactions whose true similarities are known: candidates in clusters that queries prefer differently.

The simulation of Steck, Ekanadham and Kallus (WWW 2024, sec. 4). From the paper: 20,000 queries and 1,000 candidates
that fall at random into 5 clusters; for each cluster an exponent drawn uniformly from [.25, 1.5], by which the
popularity of its candidates follows a power law; for each query random preferences for the clusters,

    p(candidate | query) = preference(query, its cluster) popularity(candidate) / sum over all candidates,

and a number of interactions that follows a power law with the exponent .5. What the paper leaves open, and is chosen
here: a cluster is as probable as any other; the popularity of the r-th of a cluster is r^-exponent; preferences are
uniform over all that sum to 1; the power law of the number of interactions goes up to all candidates, a mean of 342;
and they are drawn without replacement, so that X is 0 or 1.
"""

import dataclasses

import numpy as np

# So many queries at a time draw a number for each candidate.
_QUERIES_PER_BLOCK = 2000


@dataclasses.dataclass(frozen=True)
class ClusteredInteractions:
    """What was simulated.

    Attributes:
      chosen: `[num_queries, num_candidates]` float32, X, 0 or 1.
      clusters: `[num_candidates]` int64, ascending; in a cluster the most popular candidate comes first.
      popularity: `[num_candidates]` float64 weights, before any query's preferences.
    """

    chosen: np.ndarray
    clusters: np.ndarray
    popularity: np.ndarray


@dataclasses.dataclass(frozen=True)
class ClusteredInteractionsConfig:
    """The law of the simulation.

    Attributes:
      num_queries: rows of X, >= 1.
      num_candidates: columns of X, >= `num_clusters`.
      num_clusters: >= 1.
      popularity_exponents: bounds of the exponent of a cluster's popularity, each >= 0.
      interactions_exponent: of the number of interactions of a query, >= 0.
      max_interactions: of a query, in [1, `num_candidates`].
      seed: of every draw, >= 0.
    """

    num_queries: int = 20_000
    num_candidates: int = 1000
    num_clusters: int = 5
    popularity_exponents: tuple[float, float] = (0.25, 1.5)
    interactions_exponent: float = 0.5
    max_interactions: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.popularity_exponents
        for name, is_allowed, rule in (
            ("num_queries", self.num_queries >= 1, ">= 1"),
            ("num_clusters", self.num_clusters >= 1, ">= 1"),
            ("num_candidates", self.num_candidates >= self.num_clusters, f">= num_clusters={self.num_clusters}"),
            ("popularity_exponents", 0.0 <= low <= high, ">= 0, the lower one first"),
            ("interactions_exponent", self.interactions_exponent >= 0.0, ">= 0"),
            (
                "max_interactions",
                1 <= self.max_interactions <= self.num_candidates,
                f"in [1, {self.num_candidates}], the number of candidates",
            ),
            ("seed", self.seed >= 0, ">= 0"),
        ):
            if not is_allowed:
                raise ValueError(f"{name} must be {rule}, but is {getattr(self, name)!r}.")


def simulate(config: ClusteredInteractionsConfig) -> ClusteredInteractions:
    """Returns the interactions of a law; the same configuration gives the same bits."""
    clusters, popularity = _corpus(config)
    generator = _generator(config, "queries")
    preferences = generator.dirichlet(np.ones(config.num_clusters), config.num_queries)
    possible = np.arange(1, config.max_interactions + 1)
    law = possible**-config.interactions_exponent
    num_chosen = generator.choice(possible, config.num_queries, p=law / law.sum())
    chosen = np.zeros([config.num_queries, config.num_candidates], np.float32)
    for begin in range(0, config.num_queries, _QUERIES_PER_BLOCK):
        block = slice(begin, begin + _QUERIES_PER_BLOCK)
        with np.errstate(divide="ignore"):
            logits = np.log(preferences[block][:, clusters]) + np.log(popularity)
        chosen[block] = _draw_without_replacement(logits, num_chosen[block], generator)
    return ClusteredInteractions(chosen, clusters, popularity)


def true_similarities(clusters: np.ndarray) -> np.ndarray:
    """Returns `[num_candidates, num_candidates]` float64, 1 inside a cluster and 0 between two."""
    return (clusters[:, np.newaxis] == clusters[np.newaxis, :]).astype(np.float64)


def _corpus(config: ClusteredInteractionsConfig) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cluster of each candidate, ascending, and its popularity."""
    generator = _generator(config, "corpus")
    clusters = np.sort(generator.integers(0, config.num_clusters, config.num_candidates))
    exponents = generator.uniform(*config.popularity_exponents, config.num_clusters)
    rank = np.arange(config.num_candidates) - np.searchsorted(clusters, clusters) + 1.0
    return clusters, rank ** -exponents[clusters]


def _draw_without_replacement(logits: np.ndarray, num_drawn: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns 1 where a candidate is drawn; the top of logits plus Gumbel noise is a draw without replacement.

    (Vieira 2014, "Gumbel-max trick and weighted reservoir sampling".)
    """
    keys = logits + generator.gumbel(size=logits.shape)
    ordered = -np.sort(-keys, axis=1)
    smallest = np.take_along_axis(ordered, num_drawn[:, np.newaxis] - 1, axis=1)
    return (keys >= smallest).astype(np.float32)


def _generator(config: ClusteredInteractionsConfig, purpose: str) -> np.random.Generator:
    return np.random.default_rng([config.seed, *purpose.encode()])
