"""Fills a bank and draws hard negatives on one replica, two logical devices or two processes.

    python -m tests.tfrs_model.negatives.replica_run (one|mirrored|worker) OUTPUT.npz

Writes the state of each replica of this process, and what it drew. A worker finds
its peers in the environment variable TF_CONFIG.
"""

import sys

import numpy as np

from tests.tfrs_model import replica_strategies
from tfrs_model import negatives  # Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip

_NUM_STEPS = 12


def _run(mode: str) -> tuple[list, list]:
    """Returns each replica's weights and draws, as far as it is in this process."""
    strategy = replica_strategies.strategy(mode)
    with strategy.scope():
        bank = negatives.CandidateBank(20, 4, warm_up_steps=2)
        hard = negatives.CorpusHardNegatives(90, 4, 7, temperature=0.3, refresh_every=5, num_clusters=9)

    def step(number: tf.Tensor) -> tf.Tensor:
        queries, columns = (tf.random.stateless_normal([6, 4], seed=[number, kind]) for kind in range(2))
        bank.push(columns, 10 * tf.cast(number, tf.int64) + tf.range(6, dtype=tf.int64), tf.fill([6], 0.1))
        # The first replica has two thirds of the queries.
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        mine = queries if mode == "one" else tf.cond(tf.equal(here, 0), lambda: queries[:4], lambda: queries[4:])
        pool = hard.pool(mine)
        rows = pool.draw(number)
        return tf.concat([tf.cast(rows, tf.float32), pool.probability(rows), tf.reduce_sum(bank.columns()[0], 1)], 0)

    in_graph = tf.function(lambda number: strategy.run(step, [number]))
    drawn = []
    for number in range(_NUM_STEPS):
        if hard.needs_refresh(number):
            hard.refresh(tf.random.stateless_normal([90, 4], seed=[number, 9]), number)
        drawn.append(strategy.experimental_local_results(in_graph(tf.constant(number))))
    copies = [strategy.experimental_local_results(weight) for weight in (*bank.weights, *hard.weights)]
    return list(zip(*copies, strict=True)), list(zip(*drawn, strict=True))


def main(mode: str, path: str) -> None:
    """Writes one array per replica of this process and weight, and per replica all that was drawn."""
    states, drawn = _run(mode)
    arrays = {f"{i}/{k}": weight.numpy() for i, state in enumerate(states) for k, weight in enumerate(state)}
    arrays |= {f"{i}/drawn": np.concatenate([each.numpy() for each in steps]) for i, steps in enumerate(drawn)}
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
