"""How often a layer that draws was called, kept in its checkpoint, so that each call draws by a number of its own."""

import tensorflow as tf


def add_call_counter(layer: tf.keras.layers.Layer, name: str) -> tf.Variable:
    """Adds an int64 weight to a layer that begins with 0 and is the same in all replicas."""
    return layer.add_weight(
        name=name,
        shape=(),
        dtype=tf.int64,
        initializer="zeros",
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def number_of_call(counter: tf.Variable, is_counted: bool | None = True) -> tf.Tensor:
    """Returns the number of this call, and has the next one get the next where this is counted."""
    number = tf.identity(counter)
    if is_counted:
        with tf.control_dependencies([number]):
            counter.assign_add(1)
    return number
