"""Gradients of sampled softmax losses beside the full softmax's, on a small corpus whose every probability is known.

The derivatives are those of `reference_gradients`, which owe nothing to the product;
only the distribution of the corpus-hard draws is the product's own.

A loss changes the model through its derivative by each logit, a number for each pair
of a query and a candidate; the gradient by the vectors is linear in these. So the
derivatives are summed over many batches first. The full softmax of the same queries
and positives is subtracted, which leaves the expectation of the difference and takes
most of its noise away.
"""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from benchmarks import reference_gradients
from tfrs_model import negatives, seeds

_BATCHES_PER_BLOCK = 100
_HARD_SOURCES = ("hard", "hard_by_cluster")


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to correct and a source of negatives beside those of the batch.

    Attributes:
      correction: `none`; `yi`, all columns corrected; `corrected`, Khrylchenko et al., RecSys 2025.
      source: `in_batch` for no others, or draws from the corpus: `uniform`, `hard` by the product's
        default, here the softmax itself, `hard_by_cluster` with the root of the corpus's size as clusters.
      hits_are_removed: whether negatives equal to the positive are masked; `corrected` always does.
    """

    correction: str
    source: str = "in_batch"
    hits_are_removed: bool = False


@dataclasses.dataclass(frozen=True)
class World:
    """Interactions of known probability and a model of them.

    Attributes:
      joint: `[num_queries, num_candidates]`, the probability of each interaction; sums to 1.
      queries: `[num_queries, embedding_dim]` unit vectors.
      candidates: `[num_candidates, embedding_dim]` unit vectors.
      temperature: divisor of their inner products.
      first_of_tail: candidate from which on positives belong to the tail.
    """

    joint: np.ndarray
    queries: np.ndarray
    candidates: np.ndarray
    temperature: float
    first_of_tail: int

    @functools.cached_property
    def logits(self) -> np.ndarray:
        """`[num_queries, num_candidates]`."""
        return self.queries @ self.candidates.T / self.temperature

    @functools.cached_property
    def softmax(self) -> np.ndarray:
        """`[num_queries, num_candidates]`, the model's probability of each candidate."""
        return reference_gradients.softmax(self.logits)

    @functools.cached_property
    def popularity(self) -> np.ndarray:
        """`[num_candidates]`, the probability that a draw from the stream is the candidate."""
        return self.joint.sum(axis=0)


@dataclasses.dataclass(frozen=True)
class Bias:
    """How far an expected gradient is from the full softmax's.

    Attributes:
      cosine: between the two.
      relative_bias: length of their difference over that of the full one.
    """

    cosine: float
    relative_bias: float


def zipf_world(
    seed: int,
    noise: float,
    num_queries: int = 64,
    num_candidates: int = 500,
    embedding_dim: int = 16,
    temperature: float = 0.1,
) -> World:
    """Returns candidates of popularity ~ 1 / rank, and a model that knows in part who chooses what.

    Which query an interaction with a candidate is of depends on planted vectors,
    through a softmax over the queries at temperature .03; the model's vectors are the
    planted ones with a vector of length `noise` added. The tail begins after a tenth of
    the candidates, of 500 those that a third of the interactions are with.
    """
    generator = np.random.default_rng(seeds.derive_seed(seed, "gradient_bias/world"))
    planted = [_unit(generator.normal(size=[size, embedding_dim])) for size in (num_queries, num_candidates)]
    popularity = 1.0 / np.arange(1, num_candidates + 1)
    chosen_by = reference_gradients.softmax((planted[0] @ planted[1].T / 0.03).T).T
    queries, candidates = (_unit(each + noise * _unit(generator.normal(size=each.shape))) for each in planted)
    return World(chosen_by * popularity / popularity.sum(), queries, candidates, temperature, num_candidates // 10)


def measure(
    world: World, arms: Mapping[str, Arm], num_batches: int, batch_size: int, num_extra: int, seed: int
) -> dict[str, dict[str, Bias]]:
    """Returns, per arm, the bias of the expected gradient of `all` rows and of those whose positive is in the `tail`.

    The batches fall into ten groups. The length of the expected difference is estimated
    from products of different groups only, which are free of the noise's own length.

    Args:
      world: what is drawn from.
      arms: by name; all see the same batches and the same draws.
      num_batches: a multiple of 10.
      batch_size: interactions of a batch.
      num_extra: further negatives, for arms with a source.
      seed: of the batches and draws.
    """
    generator = np.random.default_rng(seeds.derive_seed(seed, "gradient_bias/batches"))
    hard = {source: _hard_probability(world, num_extra, seed, source) for source in _HARD_SOURCES}
    groups = [_differences(world, arms, num_batches // 10, batch_size, num_extra, hard, generator) for _ in range(10)]
    full = _by_vectors(world, _full_derivatives(world))
    by_arm = {name: np.array([group[name] for group in groups]) for name in arms}
    return {
        name: {
            "all": _bias(_by_vectors(world, differences.sum(axis=1)), full.sum(axis=0)),
            "tail": _bias(_by_vectors(world, differences[:, 1]), full[1]),
        }
        for name, differences in by_arm.items()
    }


def _differences(
    world: World,
    arms: Mapping[str, Arm],
    num_batches: int,
    batch_size: int,
    num_extra: int,
    hard: Mapping[str, np.ndarray],
    generator: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Returns, per arm, `[2, num_queries, num_candidates]`: mean derivative less the full one's, head and tail rows."""
    cumulative = np.cumsum(world.joint)
    sums = dict.fromkeys(arms, 0.0)
    for begin in range(0, num_batches, _BATCHES_PER_BLOCK):
        size = min(_BATCHES_PER_BLOCK, num_batches - begin)
        drawn = np.searchsorted(cumulative, generator.random([size, batch_size]) * cumulative[-1])
        queries, positives = np.divmod(drawn, world.joint.shape[1])
        of_batch = {source: alone[queries].mean(axis=1) for source, alone in hard.items()}
        extra = {
            "in_batch": np.zeros([size, 0], int),
            "uniform": generator.integers(0, world.joint.shape[1], [size, num_extra]),
            **{source: _draw(probability, num_extra, generator) for source, probability in of_batch.items()},
        }
        full = _full_sums(world, queries, positives)
        for name, arm in arms.items():
            columns = np.concatenate([positives, extra[arm.source]], axis=1)
            gradient = _gradient(world, arm, queries, positives, columns, of_batch, extra[arm.source].shape[1])
            sums[name] = sums[name] + _scatter(world, queries, positives, gradient, columns) - full
    return {name: each / (num_batches * batch_size) for name, each in sums.items()}


def _gradient(
    world: World,
    arm: Arm,
    queries: np.ndarray,
    positives: np.ndarray,
    columns: np.ndarray,
    of_batch: Mapping[str, np.ndarray],
    num_extra: int,
) -> np.ndarray:
    """Returns `[num_batches, batch_size, num_columns]`, the arm's derivatives by each logit of its matrix."""
    logits = world.logits[queries[:, :, np.newaxis], columns[:, np.newaxis, :]]
    count = queries.shape[1] * world.popularity[columns]
    if arm.source == "uniform":
        count = count + num_extra / world.joint.shape[1]
    if arm.source in of_batch:
        count = count + num_extra * np.take_along_axis(of_batch[arm.source], columns, axis=1)
    is_hit = positives[:, :, np.newaxis] == columns[:, np.newaxis, :]
    if arm.correction == "corrected":
        return reference_gradients.corrected_gradient(logits, count / columns.shape[1], is_hit)
    is_masked = is_hit & ~np.eye(*logits.shape[1:], dtype=bool) & arm.hits_are_removed
    return reference_gradients.softmax_gradient(logits, count if arm.correction == "yi" else None, is_masked)


def _scatter(
    world: World, queries: np.ndarray, positives: np.ndarray, gradient: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Returns the sums `[2, num_queries, num_candidates]` of the derivatives, of head and of tail rows."""
    cells = _rows(world, queries, positives)[:, :, np.newaxis] * world.joint.shape[1] + columns[:, np.newaxis, :]
    return np.bincount(cells.ravel(), gradient.ravel(), minlength=2 * world.joint.size).reshape(2, *world.joint.shape)


def _full_sums(world: World, queries: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Returns what `_scatter` does, of the full softmax."""
    rows = _rows(world, queries, positives)
    copies = np.bincount(rows.ravel(), minlength=2 * world.joint.shape[0]).reshape(2, -1, 1)
    cells = (rows * world.joint.shape[1] + positives).ravel()
    chosen = np.bincount(cells, minlength=2 * world.joint.size).reshape(2, *world.joint.shape)
    return copies * world.softmax - chosen


def _rows(world: World, queries: np.ndarray, positives: np.ndarray) -> np.ndarray:
    return queries + world.joint.shape[0] * (positives >= world.first_of_tail)


def _full_derivatives(world: World) -> np.ndarray:
    """Returns `[2, num_queries, num_candidates]`, exact expectations for the full softmax, of head and tail rows."""
    is_tail = np.arange(world.joint.shape[1]) >= world.first_of_tail
    parts = np.array([world.joint * ~is_tail, world.joint * is_tail])
    return parts.sum(axis=2, keepdims=True) * world.softmax - parts


def _by_vectors(world: World, by_logit: np.ndarray) -> np.ndarray:
    """Returns the gradients by all vectors, along the sphere since towers normalise.

    Args:
      world: whose vectors.
      by_logit: `[n, num_queries, num_candidates]` derivatives.

    Returns:
      `[n, (num_queries + num_candidates) * embedding_dim]`.
    """
    along = []
    for derivatives, of, by in (
        (by_logit, world.candidates, world.queries),
        (by_logit.transpose(0, 2, 1), world.queries, world.candidates),
    ):
        # One large product, since many small ones cost more in waking threads than in work.
        gradient = (derivatives.reshape(-1, len(of)) @ of / world.temperature).reshape(len(by_logit), *by.shape)
        along.append(gradient - np.sum(gradient * by, axis=2, keepdims=True) * by)
    return np.concatenate([each.reshape(len(by_logit), -1) for each in along], axis=1)


def _bias(differences: np.ndarray, full: np.ndarray) -> Bias:
    """Returns the bias by `[num_groups, num_parameters]` differences; a square below 0 is noise and reads as 0."""
    num_groups, total = len(differences), differences.sum(axis=0)
    square = max(0.0, (total @ total - np.sum(differences**2)) / (num_groups * (num_groups - 1)))
    of_full, product = full @ full, full @ total / num_groups
    cosine = (of_full + product) / np.sqrt(of_full * max(of_full + 2.0 * product + square, 0.0))
    return Bias(float(cosine), float(np.sqrt(square / of_full)))


def _hard_probability(world: World, num_negatives: int, seed: int, source: str) -> np.ndarray:
    """Returns `[num_queries, num_candidates]`, the product's distribution of hard draws for each query alone."""
    num_candidates, embedding_dim = world.candidates.shape
    num_clusters = round(num_candidates**0.5) if source == "hard_by_cluster" else None
    hard = negatives.CorpusHardNegatives(
        num_candidates, embedding_dim, num_negatives, world.temperature, 1, num_clusters=num_clusters, seed=seed
    )
    hard.refresh(tf.constant(world.candidates, tf.float32), step=0)
    rows = tf.range(num_candidates, dtype=tf.int64)
    alone = [hard.probability(rows, tf.constant(query[np.newaxis], tf.float32)).numpy() for query in world.queries]
    return np.array(alone, np.float64)


def _draw(probability: np.ndarray, num_draws: int, generator: np.random.Generator) -> np.ndarray:
    """Returns `[n, num_draws]` columns drawn from the rows of `[n, num_candidates]`."""
    cumulative = np.cumsum(probability, axis=1)
    points = generator.random([len(probability), num_draws]) * cumulative[:, -1:]
    return np.array([np.searchsorted(row, point) for row, point in zip(cumulative, points, strict=True)])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
