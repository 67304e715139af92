"""A batch that no dense softmax could hold, with everything switched on: does it train, and in how much memory?

    python -m benchmarks.large_batch BATCH_SIZE BANK_SIZE NUM_STEPS

runs alone, as a process of its own whose peak is its own, and prints a JSON object.
"""

import json
import sys
import time

import numpy as np

from benchmarks import own_process
from tfrs_model import (  # Before TensorFlow, since it selects Keras 2.
    model_config,
    negatives,
    optimizers,
    two_tower_builder,
)
from tfrs_model import schema as schema_lib

import tensorflow as tf  # isort: skip

_BATCH_SIZE = 65_536
_BANK_SIZE = 65_536
_EMBEDDING_DIM = 64
_HISTORY_LENGTH = 10
_NUM_IDS = 100_000
_LIMIT_BYTES = 3_000_000_000
# What a dense step must hold at least: logits, labels, and the gradient of the logits.
_NUM_DENSE_MATRICES = 3


def peak_memory(batch_size: int = _BATCH_SIZE, bank_size: int = _BANK_SIZE, num_steps: int = 3) -> dict:
    """Runs the steps in a process of its own and returns its figures, beside what a dense step would hold."""
    measured = own_process.measure("benchmarks.large_batch", batch_size, bank_size, num_steps)
    dense = _NUM_DENSE_MATRICES * 4 * batch_size * (batch_size + bank_size)
    return {
        "batch_size": batch_size,
        "bank_size": bank_size,
        "embedding_dim": _EMBEDDING_DIM,
        **measured,
        "bytes_of_dense_matrices": dense,
        "limit_bytes": _LIMIT_BYTES,
        "holds": measured["peak_memory_bytes"] < _LIMIT_BYTES and measured["is_trained"],
    }


def _steps(batch_size: int, bank_size: int, num_steps: int) -> dict:
    ids = tuple(f"c{i}" for i in range(_NUM_IDS))
    config = model_config.ModelConfig(
        embedding_dim=_EMBEDDING_DIM,
        history_length=_HISTORY_LENGTH,
        dropout=0.0,
        remove_accidental_hits=True,
        remove_history=True,
        bank_size=bank_size,
        bank_warm_up_steps=1,
    )
    table = tf.constant(ids)
    corpus = negatives.Corpus(table, lambda rows: {schema_lib.CANDIDATE_ID: tf.gather(table, rows)})
    model = two_tower_builder.build_two_tower(config, model_config.ModelInputs(ids, ids), 0, corpus)
    model.compile(optimizers.build_optimizer(optimizers.OptimizerConfig(optimizer="adagrad", learning_rate=0.1)))
    before = own_process.peak_bytes()
    losses, seconds = [], []
    train_step = tf.function(model.train_step)
    batch = _batch(batch_size)
    for _ in range(num_steps):
        started = time.perf_counter()
        losses.append(float(train_step(batch)["loss"]))
        seconds.append(time.perf_counter() - started)
    return {
        "step_seconds": float(np.median(seconds[1:])),
        "losses": losses,
        # From the second step on the bank is full; the same batch must cost less each time.
        "is_trained": bool(np.isfinite(losses).all() and losses[-1] < losses[1]),
        "memory_bytes_before_the_first_step": before,
        "peak_memory_bytes": own_process.peak_bytes(),
    }


def _batch(batch_size: int) -> dict:
    generator = np.random.default_rng(0)
    candidates = generator.zipf(1.2, size=[batch_size, 1 + _HISTORY_LENGTH]) % _NUM_IDS
    names = tf.strings.join(["c", tf.strings.as_string(candidates)])
    queries = tf.strings.join(["c", tf.strings.as_string(generator.integers(0, _NUM_IDS, batch_size))])
    return {
        "query": {schema_lib.QUERY_ID: queries, schema_lib.HISTORY: names[:, 1:]},
        "candidate": {schema_lib.CANDIDATE_ID: names[:, 0]},
        "weight": tf.constant(generator.random(batch_size), tf.float32),
    }


if __name__ == "__main__":
    print(json.dumps(_steps(*map(int, sys.argv[1:]))))
