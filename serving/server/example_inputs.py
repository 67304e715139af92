"""tensorflow.serving.Input to the tensor that a signature over tf.Examples takes. Pure functions."""

import numpy as np
from tensorflow_serving.apis import input_pb2

from serving import errors


def to_array(examples: input_pb2.Input) -> np.ndarray:
    """Returns the serialized tf.Example messages of a request.

    A context holds for every example. Its bytes are put before theirs, which is how protocol buffers merge two
    messages, so what an example says itself wins (InputToSerializedExampleTensor in TensorFlow Serving's util.cc).

    Args:
      examples: a list of examples, or one with a context.

    Returns:
      `[num_examples]` object array of `bytes`, num_examples > 0.

    Raises:
      InvalidArgumentError: if there is no example.
    """
    kind = examples.WhichOneof("kind")
    messages = getattr(examples, kind).examples if kind else ()
    if not messages:
        raise errors.InvalidArgumentError("Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
    array = np.empty(len(messages), object)
    array[:] = [context + message.SerializeToString() for message in messages]
    return array
