"""Forward and backward of one history encoder on one batch.

    python -m benchmarks.history_encoder_step ENCODER last_state|every_position NUM_ROWS LENGTH NUM_REPEATS

runs alone, as a process of its own, and prints a JSON object.
"""

import json
import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks import own_process, turns
from tfrs_model import history

_WIDTH = 64
_NUM_HEADS = 2
_NUM_LAYERS = 2
_HIDDEN = 4 * _WIDTH

TRAINED = ("last_state", "every_position")
_LIMITS = ("one_pass", "attention_products")
_TIME_GAPS = "self_attention_time_gaps"
NAMES = (*_LIMITS, *history.ENCODERS, _TIME_GAPS)


def measure(name: str, trained: str, num_rows: int, length: int, num_repeats: int) -> dict:
    """Returns the median seconds of a step, and the memory of this process before the first and at the peak."""
    tf.config.experimental.enable_op_determinism()
    inputs = _inputs(num_rows, length)
    states, weights = _limit(name, trained) if name in _LIMITS else _encoder(name, trained)
    step = _step(states, weights)
    # Traces and starts the threads, on so little that it does not count as memory of the batch.
    step(*(each[:1] for each in inputs))
    before = own_process.peak_bytes()
    seconds = turns.median_seconds({"step": lambda: step(*inputs)}, num_repeats)["step"]
    return {"seconds": seconds, "bytes_before": before, "peak_bytes": own_process.peak_bytes()}


def _inputs(num_rows: int, length: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    generator = np.random.default_rng(0)
    present = generator.random([num_rows, length]) < 0.9
    # The first row is full, so that the batch is as long as it says.
    present[0] = True
    embeddings = generator.normal(size=[num_rows, length, _WIDTH]) * _WIDTH**-0.5 * present[..., np.newaxis]
    gaps = (10.0 ** generator.uniform(6, 12, [num_rows, length])).astype(np.int64)
    return tf.constant(embeddings, tf.float32), tf.constant(present), tf.constant(np.cumsum(gaps, axis=1))


def _step(states: Callable, weights: list[tf.Variable]) -> Callable:
    @tf.function(reduce_retracing=True)
    def step(embeddings: tf.Tensor, present: tf.Tensor, timestamps: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            loss = tf.reduce_sum(tf.square(states(embeddings, present, timestamps)))
        gradients = tape.gradient(loss, [embeddings, *weights])
        # Sums, so that no time goes into a copy of the gradients to the caller.
        return [tf.reduce_sum(each) for each in gradients]

    return step


def _encoder(name: str, trained: str) -> tuple[Callable, list[tf.Variable]]:
    options = {
        "num_layers": _NUM_LAYERS,
        "num_heads": _NUM_HEADS,
        "reads_time_gaps": True if name == _TIME_GAPS else None,
    }
    name = "self_attention" if name == _TIME_GAPS else name
    read = {option: value for option, value in options.items() if option in history.ENCODERS[name].options}
    encoder = history.build_encoder(name, _WIDTH, **read)
    return (encoder.last_state if trained == "last_state" else encoder), encoder.trainable_weights


def _limit(name: str, trained: str) -> tuple[Callable, list[tf.Variable]]:
    if name == "one_pass":
        if trained == "last_state":
            return (lambda embeddings, present, timestamps: tf.reduce_sum(embeddings, axis=1)), []
        return (lambda embeddings, present, timestamps: 2.0 * embeddings), []
    generator = tf.random.Generator.from_seed(0)
    shapes = ([_WIDTH, 3 * _WIDTH], [_WIDTH, _WIDTH], [_WIDTH, _HIDDEN], [_HIDDEN, _WIDTH])
    kernels = [
        [tf.Variable(generator.normal(shape, stddev=shape[0] ** -0.5)) for shape in shapes] for _ in range(_NUM_LAYERS)
    ]

    def states(embeddings: tf.Tensor, present: tf.Tensor, timestamps: tf.Tensor) -> tf.Tensor:
        vectors = embeddings
        for layer in kernels:
            vectors = _products(vectors, *layer)
        return vectors[:, -1] if trained == "last_state" else vectors

    return states, [kernel for layer in kernels for kernel in layer]


def _products(vectors: tf.Tensor, read: tf.Variable, attended: tf.Variable, up: tf.Variable, down: tf.Variable):
    """The matrix products of one layer: as many multiplications as in attention with a network four times as wide."""
    shape = tf.shape(vectors)
    size = _WIDTH // _NUM_HEADS
    heads = tf.reshape(tf.tensordot(vectors, read, 1), [shape[0], shape[1], 3, _NUM_HEADS, size])
    queries, keys, values = tf.unstack(tf.transpose(heads, [2, 3, 0, 1, 4]))
    # Without a softmax the products of a long history would soon be infinite.
    queries /= tf.cast(shape[1], tf.float32)
    read_values = tf.matmul(tf.matmul(queries, keys, transpose_b=True), values)
    joined = tf.reshape(tf.transpose(read_values, [1, 2, 0, 3]), shape)
    hidden = tf.tensordot(tf.tensordot(joined, attended, 1), up, 1)
    return tf.tensordot(hidden, down, 1)


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:3], *map(int, sys.argv[3:]))))
