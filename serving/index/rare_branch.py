"""A branch of a graph that few requests take."""

from collections.abc import Callable

import tensorflow as tf


def rare(branch: Callable) -> Callable:
    """Returns a branch for `tf.cond` that costs those who do not take it one operation.

    TensorFlow lays both branches of a condition out in the graph and passes a dead signal through every operation of
    the one that is not taken, about .2 microseconds each; a function that must not be inlined stays one operation.

    Outside a graph it is the branch itself.
    """
    if tf.executing_eagerly():
        return branch
    return tf.function(branch, autograph=False, experimental_attributes={"_noinline": True})
