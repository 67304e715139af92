"""tensorflow.serving.Input messages for tests."""

import tensorflow as tf
from tensorflow_serving.apis import input_pb2


def example(**features: float | int | bytes) -> tf.train.Example:
    """Returns a message with one value for each feature."""
    built = tf.train.Example()
    for name, value in features.items():
        kind = {float: "float_list", int: "int64_list", bytes: "bytes_list"}[type(value)]
        getattr(built.features.feature[name], kind).value.append(value)
    return built


def of_x(*values: float) -> input_pb2.Input:
    """Returns one example for each value, with the feature x."""
    return input_pb2.Input(example_list={"examples": [example(x=value) for value in values]})
