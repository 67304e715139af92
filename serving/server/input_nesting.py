"""Says which input of a REST request was nested otherwise than its signature declares. Pure functions.

TensorFlow Serving runs whatever has the right type, such as one-dimensional input where `[-1, 1]` is declared,
and some graphs take it. So this explains a request that failed, and refuses none.
"""

import json
from collections.abc import Mapping

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving import errors
from serving.server import tensor_json

_WORDS = {types_pb2.DT_STRING: ("string", ("a", "b")), types_pb2.DT_BOOL: ("boolean", (True, False))}
_NUMBER = ("number", (1, 2))


def explain(
    error: errors.InvalidArgumentError,
    inputs: tensor_json.JsonInputs,
    declared: Mapping[str, meta_graph_pb2.TensorInfo],
) -> errors.InvalidArgumentError:
    """Returns the error with which a graph refused a request, or a sentence on an input of another rank than declared.

    Args:
      error: what the graph answered.
      inputs: the request.
      declared: of the signature, by input name.
    """
    for name in sorted(inputs.arrays):
        info = declared[name]
        outer = 1 if inputs.is_row_format else 0
        expected, came = len(info.tensor_shape.dim) - outer, inputs.arrays[name].ndim - outer
        if info.tensor_shape.unknown_rank or expected == came or expected < 0:
            continue
        place = "each of 'instances'" if inputs.is_row_format else "'inputs'"
        example = json.dumps({name: _example(info.dtype, expected)})
        return errors.InvalidArgumentError(
            f"Input {name!r} must be {_described(info.dtype, expected)} in {place}, such as {example}, but came as "
            f"{_described(info.dtype, came)} (the model itself says: {_first_line(error)})."
        )
    return error


def _described(data_type: int, rank: int) -> str:
    """Returns words such as `a list of strings`."""
    word, _ = _WORDS.get(data_type, _NUMBER)
    return f"a {'list of ' + 'lists of ' * (rank - 1) + word + 's' if rank else word}"


def _example(data_type: int, rank: int) -> object:
    _, values = _WORDS.get(data_type, _NUMBER)
    if not rank:
        return values[0]
    example: list = list(values)
    for _ in range(rank - 1):
        example = [example]
    return example


def _first_line(error: errors.InvalidArgumentError) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")
