"""Trains a table and a dense layer on one device or on two logical ones, and writes the weights of each replica.

python -m tests.tfrs_model.optimizers.replica_run (one|mirrored) OUTPUT_DIR OPTIMIZER ...

Each optimizer has a file of its name.
"""

import pathlib
import sys

import numpy as np

from tests.tfrs_model import replica_strategies
from tfrs_model import optimizers  # Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip

_NUM_ROWS = 40
_NUM_STEPS = 12
_BATCH_SIZE = 16


def _model(optimizer: str) -> tf.keras.Model:
    normal = [tf.keras.initializers.RandomNormal(stddev=0.5, seed=seed) for seed in (0, 1)]
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Embedding(_NUM_ROWS, 4, input_length=3, embeddings_initializer=normal[0]),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(1, kernel_initializer=normal[1]),
        ]
    )
    config = optimizers.OptimizerConfig(optimizer, 0.05, 0.1, 0.01, 2.0, "inverse_sqrt", 3)
    model.compile(optimizers.build_optimizer(config), loss="mse", steps_per_execution=5)
    return model


def _train(strategy: tf.distribute.Strategy, optimizer: str, path: pathlib.Path) -> None:
    with strategy.scope():
        model = _model(optimizer)
    rows = np.random.default_rng(0).zipf(1.4, size=[_NUM_STEPS * _BATCH_SIZE, 3]) % (_NUM_ROWS - 1)
    model.fit(rows, rows.sum(axis=1) / _NUM_ROWS, _BATCH_SIZE, shuffle=False, verbose=0)
    names = {"touched": np.unique(rows)}
    for index, variable in enumerate([*model.trainable_variables, *model.optimizer.variables]):
        for replica, copy in enumerate(strategy.experimental_local_results(variable)):
            names[f"{replica}/{index}"] = copy.numpy()
    np.savez(path, **names)


def main(mode: str, output_dir: str, *names: str) -> None:
    """Writes one array per replica and weight or slot; rows that neither half of a batch holds are never touched."""
    strategy = replica_strategies.strategy(mode)
    for optimizer in names:
        _train(strategy, optimizer, pathlib.Path(output_dir, f"{optimizer}.npz"))


if __name__ == "__main__":
    main(*sys.argv[1:])
