"""Counts a stream on one replica, two logical devices or two processes, and writes the state of each replica.

    python -m tests.tfrs_model.frequency.replica_run (one|mirrored|worker) OUTPUT_DIR ESTIMATOR ...

Each estimator has a file of its name. A worker finds its peers in the environment variable TF_CONFIG.
"""

import pathlib
import sys

import numpy as np

from tests.tfrs_model import replica_strategies
from tfrs_model import frequency  # Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip

_NUM_STEPS = 40
# Small windows, so that the counts are renormalised many times.
_OPTIONS = {"multiscale": {"windows": (9, 5, 3)}, "paper": {"learning_rate": 0.1}}


def split_batches() -> list[list[np.ndarray]]:
    """Returns, per step, the ids of either replica: unequal parts, at times an empty one, ids in both."""
    generator = np.random.default_rng(0)
    batches = []
    for step in range(_NUM_STEPS):
        ids = np.char.add("item-", (generator.zipf(1.4, size=generator.integers(1, 40)) % 300).astype(str))
        cut = (0, len(ids), len(ids) // 2, len(ids) // 5)[step % 4]
        batches.append([ids[:cut], ids[cut:]])
    return batches


def _run(strategy: tf.distribute.Strategy, mode: str, estimator: str) -> tuple[list, list]:
    """Returns each replica's weights and what it read, as far as it is in this process."""
    with strategy.scope():
        layer = frequency.StreamingFrequency(
            50, estimator=estimator, options=_OPTIONS[estimator], sample_ids=[f"item-{i}" for i in range(300)]
        )
    spec = tf.TensorSpec([None], tf.string)

    def replica(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        layer(tf.cond(tf.equal(here, 0), lambda: first, lambda: second), training=True)
        return layer(tf.concat([first, second], 0))

    def whole(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        return layer(tf.concat([first, second], 0), training=True)

    step = tf.function(
        lambda *parts: strategy.run(whole if mode == "one" else replica, parts), input_signature=[spec, spec]
    )
    read = [strategy.experimental_local_results(step(*map(tf.constant, parts))) for parts in split_batches()]
    copies = [strategy.experimental_local_results(weight) for weight in layer.weights]
    return list(zip(*copies, strict=True)), list(zip(*read, strict=True))


def main(mode: str, output_dir: str, *estimators: str) -> None:
    """Writes one array per replica of this process and weight, and per replica all that was read."""
    strategy = replica_strategies.strategy(mode)
    for estimator in estimators:
        states, read = _run(strategy, mode, estimator)
        arrays = {f"{i}/{weight.name}": weight.numpy() for i, state in enumerate(states) for weight in state}
        arrays |= {f"{i}/read": np.concatenate([each.numpy() for each in steps]) for i, steps in enumerate(read)}
        np.savez(pathlib.Path(output_dir, f"{estimator}.npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
