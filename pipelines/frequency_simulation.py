"""Feeds streams of known probabilities to frequency estimators and reads what they estimate."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from pipelines import frequency_streams
from tfrs_model import frequency

# Of both estimators; sizes at equal memory are reckoned with it.
BYTES_PER_BUCKET = 8
# Ids that go into the graph at once: enough to make the calls cheap, 8 MB.
_DRAWS_PER_CALL = 1 << 20


@dataclasses.dataclass(frozen=True)
class EstimatorSetting:
    """One estimator of one size.

    Attributes:
      estimator: `multiscale` or `paper`.
      num_hashes: rows of buckets.
      num_buckets: buckets of each row.
      learning_rate: the paper's rate; `None` for the other estimator, which has none.
    """

    estimator: str
    num_hashes: int
    num_buckets: int
    learning_rate: float | None = None

    @property
    def num_bytes(self) -> int:
        """Bytes of its arrays."""
        return BYTES_PER_BUCKET * self.num_hashes * self.num_buckets

    def layer(self, seed: int) -> frequency.StreamingFrequency:
        """Returns the layer, untrained, with hashes of this seed."""
        options = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        return frequency.StreamingFrequency(
            self.num_buckets, self.num_hashes, estimator=self.estimator, seed=seed, options=options
        )


def paper(learning_rate: float, num_hashes: int, num_bytes: int) -> EstimatorSetting:
    """Returns the paper's estimator with as many buckets as the bytes allow."""
    return EstimatorSetting("paper", num_hashes, num_bytes // BYTES_PER_BUCKET // num_hashes, learning_rate)


def multiscale(num_bytes: int, num_hashes: int = 4) -> EstimatorSetting:
    """Returns the default estimator with as many buckets as the bytes allow."""
    return EstimatorSetting("multiscale", num_hashes, num_bytes // BYTES_PER_BUCKET // num_hashes)


def simulate(
    settings: Sequence[EstimatorSetting],
    stream: frequency_streams.Stream,
    hash_seed: int,
    checkpoints: Sequence[int],
    ids: np.ndarray | None = None,
    advance: Callable[[int], object] = lambda num_steps: None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Feeds the same stream to several estimators.

    Args:
      settings: the estimators.
      stream: what they are fed.
      hash_seed: of their hashes.
      checkpoints: rising numbers of steps after which the estimates are read.
      ids: `[num_read]` ids to read; `None` reads all of the stream.
      advance: called with the steps just made, such as a progress bar's `update`.

    Yields:
      For each checkpoint its number of steps, and `[num_settings, num_read]`
      float32 expected counts in a batch.
    """
    layers = [setting.layer(hash_seed) for setting in settings]
    feed, read = _feed_and_read(layers)
    read_ids = tf.constant(np.arange(stream.num_ids) if ids is None else ids, tf.int64)
    steps_per_call = max(1, _DRAWS_PER_CALL // stream.batch_size)
    step = 0
    for checkpoint in checkpoints:
        while step < checkpoint:
            last = min(checkpoint, step + steps_per_call)
            feed(tf.constant(stream.batches(step, last), tf.int64))
            advance(last - step)
            step = last
        yield checkpoint, read(read_ids).numpy()


def errors(
    settings: Sequence[EstimatorSetting],
    stream: frequency_streams.Stream,
    hash_seed: int,
    checkpoints: Sequence[int],
    advance: Callable[[int], object] = lambda num_steps: None,
) -> np.ndarray:
    """Returns `[num_settings, num_checkpoints]`: the stream's error of each estimator; arguments as `simulate`."""
    return np.array(
        [
            [stream.error(estimate, step) for estimate in estimates]
            for step, estimates in simulate(settings, stream, hash_seed, checkpoints, advance=advance)
        ]
    ).T


def exact_expected_count(stream: frequency_streams.Stream, num_steps: int) -> np.ndarray:
    """Returns `[num_ids]` float64 copies per batch by exact counts; half a draw where there was none."""
    return np.maximum(stream.counts(num_steps), 0.5) / num_steps


def _feed_and_read(layers: Sequence[frequency.StreamingFrequency]) -> tuple[Callable, Callable]:
    # One call makes many steps: a call for each would cost more than the step does.
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)])
    def feed(batches):
        for batch in batches:
            for layer in layers:
                layer(batch, training=True)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def read(ids):
        return tf.stack([layer(ids, training=False) for layer in layers])

    # TensorFlow warns of functions that are made again and again; those made once and for all are exempt.
    return feed.get_concrete_function(), read.get_concrete_function()
