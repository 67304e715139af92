"""Loss and gradients of a batch, beside TFRS's task and beside the products that nobody can do without."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from benchmarks import turns
from tfrs_model import task

_BATCH_SIZE = 8192
_EMBEDDING_DIM = 64
_TEMPERATURE = 0.07
_NUM_REPEATS = 15
_LIMIT = 1.8


def beside_tfrs(batch_size: int = _BATCH_SIZE, num_repeats: int = _NUM_REPEATS) -> dict:
    """Times the corrected softmax with its gradients, plain and with accidental hits removed."""
    batch = _batch(batch_size)
    options = {"plain": {}, "hits_removed": {"remove_accidental_hits": True}}
    functions = {"three_products": lambda: _three_products(batch["queries"], batch["candidates"])}
    for name, option in options.items():
        functions[f"tfrs/{name}"] = _step(tfrs.tasks.Retrieval(temperature=_TEMPERATURE, **option), batch)
        functions[f"ours/{name}"] = _step(task.Retrieval(temperature=_TEMPERATURE, **option), batch)
    seconds = turns.median_seconds(functions, num_repeats)
    limit = seconds.pop("three_products")
    rows = [
        {
            "variant": name,
            "tfrs_examples_per_second": batch_size / seconds[f"tfrs/{name}"],
            "our_examples_per_second": batch_size / seconds[f"ours/{name}"],
            "times_tfrs": seconds[f"tfrs/{name}"] / seconds[f"ours/{name}"],
            "times_three_products": seconds[f"ours/{name}"] / limit,
        }
        for name in options
    ]
    return {
        "batch_size": batch_size,
        "embedding_dim": _EMBEDDING_DIM,
        "three_products_milliseconds": 1e3 * limit,
        "rows": rows,
        "limit_of_times_tfrs": _LIMIT,
        "holds": all(row["times_tfrs"] >= _LIMIT for row in rows),
    }


def _batch(batch_size: int) -> dict[str, tf.Tensor]:
    generator = np.random.default_rng(0)
    queries, candidates = generator.normal(size=[2, batch_size, _EMBEDDING_DIM]).astype(np.float32)
    ids = generator.zipf(1.3, batch_size).astype(str)
    _, rows, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return {
        "queries": tf.math.l2_normalize(queries, axis=1),
        "candidates": tf.math.l2_normalize(candidates, axis=1),
        "ids": tf.constant(ids),
        "probability": tf.constant(counts[rows] / batch_size, tf.float32),
    }


def _step(retrieval: tf.keras.layers.Layer, batch: dict[str, tf.Tensor]) -> Callable:
    @tf.function
    def step():
        queries, candidates = batch["queries"], batch["candidates"]
        with tf.GradientTape() as tape:
            tape.watch([queries, candidates])
            loss = retrieval(
                queries,
                candidates,
                candidate_sampling_probability=batch["probability"],
                candidate_ids=batch["ids"],
                compute_metrics=False,
            )
        return loss, tape.gradient(loss, [queries, candidates])

    return step


@tf.function
def _three_products(queries: tf.Tensor, candidates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Multiplies what any softmax over all pairs must: scores, and their gradients with either side."""
    scores = tf.matmul(queries, candidates, transpose_b=True)
    return tf.matmul(scores, candidates), tf.matmul(scores, queries, transpose_a=True)
