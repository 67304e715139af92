"""Divides vectors among leaves: each vector belongs to the nearest one and is listed in the second nearest too."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

_NUM_ITERATIONS = 8
_SAMPLE_PER_CENTRE = 64
_MAX_SCORES_PER_BLOCK = 1 << 25
# Where many vectors are alike, one centre would gather them all.
_MAX_SIZE_IN_MEANS = 1.5


@dataclasses.dataclass(frozen=True)
class Leaves:
    """Who is where.

    Attributes:
      centres: `[num_leaves, embedding_dim]` float32.
      order: `[num_vectors]` int64, the vectors by the leaf they belong to.
      members: `[num_leaves, width]` int32 places in `order` of the vectors that a leaf lists: first those that
        belong to it, then, as far as there is room, those nearest to it for which it is the second nearest; filled
        with -1.
      sizes: `[num_leaves]` int64, how many belong to each leaf.
    """

    centres: np.ndarray
    order: np.ndarray
    members: np.ndarray
    sizes: np.ndarray


def divide(embeddings: np.ndarray, num_leaves: int, seed: int = 0) -> Leaves:
    """Divides vectors among about so many leaves.

    A query near the border of two leaves finds in either what lies on both sides, which nearly halves what has to be
    read for the same recall; a copy is one number, not a vector. A leaf that would be far larger than the others is
    split, so that leaves can be read side by side with little filling.

    Args:
      embeddings: `[num_vectors, embedding_dim]` float32.
      num_leaves: from 1 to `num_vectors`; a few more where some had to be split.
      seed: of the first centres.
    """
    num_vectors = len(embeddings)
    if not 1 <= num_leaves <= num_vectors:
        raise ValueError(f"num_leaves must be between 1 and {num_vectors}, the number of vectors, but is {num_leaves}.")
    generator = np.random.default_rng(seed)
    centres = _centres(embeddings, num_leaves, generator)
    max_size = math.ceil(num_vectors / num_leaves * _MAX_SIZE_IN_MEANS)
    centres, first = _split_large(embeddings, centres, _nearest(embeddings, centres), max_size)
    return _listed(centres, first, *_second_nearest(embeddings, centres, first), max_size)


def _centres(embeddings: np.ndarray, num_centres: int, generator: np.random.Generator) -> np.ndarray:
    """Finds centres of large groups, then of the leaves in each: that costs of order n sqrt(num_centres)."""
    num_groups = round(math.sqrt(num_centres)) if num_centres > 64 else 1
    if num_groups == 1:
        return _k_means(embeddings, num_centres, generator)
    groups = _nearest(embeddings, _k_means(embeddings, num_groups, generator))
    sizes = np.bincount(groups, minlength=num_groups)
    shares = _apportion(sizes, num_centres)
    by_group = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    found = [
        _k_means(embeddings[members], share, generator)
        for members, share in zip(by_group, shares, strict=True)
        if share
    ]
    return np.concatenate(found)


def _apportion(sizes: np.ndarray, total: int) -> np.ndarray:
    """Divides a total in proportion to sizes, at most the size to each and the largest remainders first."""
    exact = sizes * (total / sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(shares - exact, kind="stable")
    shares[by_remainder[: total - shares.sum()]] += 1
    return shares


def _k_means(embeddings: np.ndarray, num_centres: int, generator: np.random.Generator) -> np.ndarray:
    sample_size = min(len(embeddings), num_centres * _SAMPLE_PER_CENTRE)
    sample = embeddings[np.sort(generator.choice(len(embeddings), sample_size, replace=False))]
    centres = sample[np.sort(generator.choice(sample_size, num_centres, replace=False))]
    for _ in range(_NUM_ITERATIONS):
        centres = _means(sample, _nearest(sample, centres), centres)
    return centres


def _nearest(embeddings: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the nearest centre of each vector, `[num_vectors]`."""
    return np.concatenate([tf.argmax(block, axis=1).numpy() for block in _nearness(embeddings, centres)])


def _second_nearest(embeddings: np.ndarray, centres: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest leaf of each vector beside its own, -1 where there is none, and its squared distance."""
    if len(centres) == 1:
        return np.full([len(embeddings)], -1), np.zeros([len(embeddings)], np.float32)
    best = [tf.math.top_k(block, 2) for block in _nearness(embeddings, centres)]
    nearest, nearness = np.concatenate([each.indices for each in best]), np.concatenate([each.values for each in best])
    # A leaf that was split need not be the nearest of those that belong to it.
    chosen = np.where(nearest[:, 0] == first, 1, 0)[:, np.newaxis]
    second, nearness = (np.take_along_axis(each, chosen, axis=1)[:, 0] for each in (nearest, nearness))
    return second, np.square(embeddings).sum(axis=1) - 2 * nearness


def _nearness(embeddings: np.ndarray, centres: np.ndarray) -> Iterator[tf.Tensor]:
    """Yields of a part of the vectors how near each centre is: half of |vector|^2 less the squared distance."""
    half_squares = tf.constant(np.square(centres).sum(axis=1) / 2)
    transposed = tf.constant(centres.T)
    size = max(1, _MAX_SCORES_PER_BLOCK // len(centres))
    for begin in range(0, len(embeddings), size):
        yield tf.matmul(embeddings[begin : begin + size], transposed) - half_squares


def _means(embeddings: np.ndarray, leaves: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    sums = tf.math.unsorted_segment_sum(embeddings, leaves, len(otherwise)).numpy()
    sizes = np.bincount(leaves, minlength=len(otherwise))[:, np.newaxis]
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), otherwise).astype(np.float32)


def _split_large(
    embeddings: np.ndarray, centres: np.ndarray, leaves: np.ndarray, max_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts leaves that are too large across the direction in which they are longest; returns centres and leaves."""
    sizes = np.bincount(leaves, minlength=len(centres))
    by_leaf = np.split(np.argsort(leaves, kind="stable"), np.cumsum(sizes)[:-1])
    leaves, added = leaves.copy(), []
    for leaf in np.flatnonzero(sizes > max_size):
        members = by_leaf[leaf]
        mine = embeddings[members]
        direction = np.linalg.eigh(np.atleast_2d(np.cov(mine.T)))[1][:, -1]
        parts = np.array_split(members[np.argsort(mine @ direction, kind="stable")], -(-len(members) // max_size))
        centres[leaf] = embeddings[parts[0]].mean(axis=0)
        for part in parts[1:]:
            leaves[part] = len(centres) + len(added)
            added.append(embeddings[part].mean(axis=0))
    return np.concatenate([centres, np.array(added, np.float32).reshape(-1, centres.shape[1])]), leaves


def _listed(centres: np.ndarray, first: np.ndarray, second: np.ndarray, distances: np.ndarray, max_size: int) -> Leaves:
    num_leaves, num_vectors = len(centres), len(first)
    order = np.argsort(first, kind="stable")
    place = np.empty([num_vectors], np.int64)
    place[order] = np.arange(num_vectors)
    copied = np.flatnonzero(second >= 0)
    copied = copied[np.argsort(distances[copied], kind="stable")]
    leaves = np.concatenate([first[order], second[copied]])
    places = np.concatenate([np.arange(num_vectors), place[copied]])
    by_leaf = np.argsort(leaves, kind="stable")
    position = np.arange(len(leaves)) - np.searchsorted(leaves[by_leaf], leaves[by_leaf])
    # A list is as wide as a leaf may be: on a million vectors, wider lists cost more time than they find.
    sizes = np.bincount(first, minlength=num_leaves)
    fits = position < max(sizes.max(), max_size)
    members = np.full([num_leaves, position[fits].max() + 1], -1, np.int32)
    members[leaves[by_leaf][fits], position[fits]] = places[by_leaf][fits]
    return Leaves(centres, order, members, sizes)
