"""Small pieces that the tests of the optimizers share: gradients of rows, and steps inside one graph."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

Gradient = tf.Tensor | tf.IndexedSlices


def of_rows(rows: Sequence[int], values: Sequence, num_rows: int = 4) -> tf.IndexedSlices:
    """Returns a gradient of rows, which may repeat."""
    values = tf.constant(values, tf.float32)
    shape = tf.constant([num_rows, *values.shape[1:]])
    return tf.IndexedSlices(values, tf.constant(rows, tf.int64), shape)


def run(optimizer: tf.keras.optimizers.Optimizer, start: Sequence, gradients: Sequence[Gradient]) -> list[np.ndarray]:
    """Returns the value of one variable after each step."""
    variable = tf.Variable(start, dtype=tf.float32, name="table/embeddings")
    values = []
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, variable)])
        values.append(variable.numpy())
    return values


def as_dense(gradient: tf.IndexedSlices) -> tf.Tensor:
    """Returns the same gradient with zeros in the other rows and repeated rows added up."""
    return tf.convert_to_tensor(gradient)


def bits(values: Sequence[tf.Variable]) -> list[bytes]:
    """Returns what two states share exactly when they are the same."""
    return [value.numpy().tobytes() for value in values]


def whole_tables(num_rows: int, function: Callable, *arguments) -> list[str]:
    """Returns the types of a compiled function's ops that make a tensor whose first dimension is `num_rows`."""
    graph = function.get_concrete_function(*arguments).graph
    graphs = [graph, *(inner.graph for inner in graph._functions.values())]
    return [
        op.type
        for each in graphs
        for op in each.get_operations()
        for out in op.outputs
        if out.shape.rank and out.shape[0] == num_rows
    ]
