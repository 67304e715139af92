"""Which rows a step of the endless stream of training reads: computed from its number, never replayed."""

import tensorflow as tf

from tfrs_model import seeds

# So far above any length that what is left of it after division is as good as even.
_LARGEST_DRAW = 2**62


def share(size: int, num_workers: int, worker: int) -> tuple[int, int]:
    """Returns where a worker's part of each batch begins, and where it ends.

    Raises:
      ValueError: if there is no such worker, or it would get nothing.
    """
    if not 0 <= worker < num_workers <= size:
        raise ValueError(
            f"worker must be in [0, num_workers) and num_workers at most {size}, the rows or windows of a batch, but "
            f"worker is {worker} of num_workers={num_workers}; start fewer workers, or choose a larger batch."
        )
    return size * worker // num_workers, size * (worker + 1) // num_workers


def shuffled(
    step: tf.Tensor, batch_size: int, share: tuple[int, int], num_rows: int, seed: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the rows of a worker's share of a batch, and their epochs, each being another permutation of all rows."""
    positions = step * batch_size + tf.range(*share, dtype=tf.int64)
    epochs = positions // num_rows
    return _permuted(positions % num_rows, epochs, num_rows - 1, seed, "shuffle"), epochs


def drawn_below(limits: tf.Tensor, rows: tf.Tensor, epochs: tf.Tensor, seed: int) -> tf.Tensor:
    """Returns a number in [0, limit) for each row of `[n, 1]`, another one in another epoch.

    In a log without time, that is where a row begins to read round and round through the others of its query.
    If it began at itself, or at any place that all share, what it reads would tell which candidate is left out.
    """
    drawn = _permuted(tf.cast(rows[:, 0], tf.int64), epochs[:, 0], _LARGEST_DRAW, seed, "history")
    return tf.cast(drawn[:, tf.newaxis] % tf.cast(limits, tf.int64), limits.dtype)


def _permuted(index: tf.Tensor, epochs: tf.Tensor, largest: int, seed: int, name: str) -> tf.Tensor:
    """Returns what stands at `[n]` int64 places of permutations of 0 to `largest`, one for each epoch."""
    # One seed per position, since a batch may hold the end of one epoch and the start of
    # the next. `tf.random.experimental.index_shuffle` pads such seeds along the wrong axis.
    stream = tf.fill(tf.shape(index), tf.constant(seeds.derive_seed(seed, name), tf.int64))
    seeds_of_all = tf.stack([tf.zeros_like(stream), stream, epochs], axis=1)
    return tf.raw_ops.RandomIndexShuffle(index=index, seed=seeds_of_all, max_index=tf.constant(largest, tf.int64))
