"""JSON to tensors: the row and column formats of a REST predict request. Pure functions.

Row format gives one value or object per instance, and every named tensor gets a
first dimension of that many; column format gives each tensor whole:

    {"instances": [{"query_id": "196"}, {"query_id": "186"}]}
    {"inputs": {"query_id": ["196", "186"]}}
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2

from serving import errors, tensor_proto
from serving.server import json_base64, json_document

_INT_RANGES = {
    types_pb2.DT_INT8: (-(1 << 7), (1 << 7) - 1),
    types_pb2.DT_UINT8: (0, (1 << 8) - 1),
    types_pb2.DT_INT16: (-(1 << 15), (1 << 15) - 1),
    types_pb2.DT_INT32: (-(1 << 31), (1 << 31) - 1),
    types_pb2.DT_UINT32: (0, (1 << 32) - 1),
    types_pb2.DT_INT64: (-(1 << 63), (1 << 63) - 1),
    types_pb2.DT_UINT64: (0, (1 << 64) - 1),
}
_INT64_MIN, _UINT64_MAX = _INT_RANGES[types_pb2.DT_INT64][0], _INT_RANGES[types_pb2.DT_UINT64][1]
# Largest whole number below which every whole number is exact, and largest finite value.
_FLOAT_LIMITS = {
    types_pb2.DT_FLOAT: ((1 << 24) - 1, float(np.finfo(np.float32).max)),
    types_pb2.DT_DOUBLE: ((1 << 53) - 1, float(np.finfo(np.float64).max)),
}

_MAX_RANK = 64  # What NumPy can hold.


@dataclasses.dataclass(frozen=True)
class JsonInputs:
    """Tensors of a request.

    Attributes:
      arrays: input name to array; strings as object arrays of `bytes`.
      is_row_format: whether the request had `instances`; the answer then has `predictions`.
    """

    arrays: dict[str, np.ndarray]
    is_row_format: bool


def signature_name(document: Mapping[str, Any]) -> str:
    """Returns the signature that a request names, "" if it names none.

    Raises:
      InvalidArgumentError: if the name is no string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise errors.InvalidArgumentError(
            f"JSON Value: {json_document.echo(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def read_inputs(
    document: Mapping[str, Any], data_types: Mapping[str, int], optional: Collection[str] = ()
) -> JsonInputs:
    """Returns the tensors of a predict request.

    An input with a default may be left out, as over gRPC; TensorFlow Serving's REST API wants it all the same. A name
    that the signature does not have is then refused, for it may be a misspelt one of those.

    Args:
      document: the parsed body.
      data_types: input name to DataType, from the signature.
      optional: the inputs that have a default.

    Raises:
      InvalidArgumentError: if the values do not form tensors of these names and types.
    """
    if "instances" in document and "inputs" in document:
        raise _document_error(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise _document_error(document, "Excepting 'instances' to be an list/array")
        if not instances:
            raise _document_error(document, "No values in 'instances' array")
        return JsonInputs(_read_rows(instances, data_types, optional), is_row_format=True)
    if "inputs" in document:
        return JsonInputs(_read_columns(document["inputs"], data_types, optional), is_row_format=False)
    raise errors.InvalidArgumentError("Missing 'inputs' or 'instances' key")


def read_tensor(value: Any, data_type: int) -> np.ndarray:
    """Returns a (nested) list or a single value as array of `data_type`.

    The first element at each depth sets the shape; all others have to agree.

    Raises:
      InvalidArgumentError: if lists are ragged, or a value is of another type or out of range.
    """
    if data_type not in _FLOAT_LIMITS and data_type not in (*_INT_RANGES, types_pb2.DT_STRING, types_pb2.DT_BOOL):
        raise errors.UnimplementedError(
            f"Conversion of JSON Value: {json_document.echo(value)} to type: {tensor_proto.data_type_name(data_type)}"
        )
    shape = _shape(value)
    flat: list[Any] = []
    _flatten(value, 0, shape, data_type, flat)
    if data_type == types_pb2.DT_STRING:
        array = np.empty(len(flat), object)
        array[:] = flat
        return array.reshape(shape)
    return np.array(flat, tensor_proto.numpy_dtype(data_type)).reshape(shape)


def _read_rows(instances: list[Any], data_types: Mapping[str, int], optional: Collection[str]) -> dict[str, np.ndarray]:
    if not isinstance(instances[0], dict) and len(data_types) > 1:
        raise errors.InvalidArgumentError(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    are_objects = _is_object(instances[0])
    rows: dict[str, list[np.ndarray]] = {}
    for position, instance in enumerate(instances):
        if are_objects:
            _add_object(rows, instance, position, data_types)
            _require_names(instance, instances[0], position, data_types, optional)
        else:
            _add_value(rows, instance, position, next(iter(data_types.items())))
    return {name: np.stack(arrays) if len(arrays) > 1 else arrays[0][np.newaxis] for name, arrays in rows.items()}


def _add_object(rows: dict[str, list[np.ndarray]], instance: Any, position: int, data_types: Mapping[str, int]) -> None:
    if not _is_object(instance):
        raise errors.InvalidArgumentError(f"Expecting object but got list at item {position} of input list")
    for name, value in instance.items():
        try:
            if name not in data_types:
                raise errors.InvalidArgumentError(f"JSON object: does not have named input: {name}")
            _append_row(rows, name, value, data_types[name])
        except errors.ServingError as error:
            raise errors.InvalidArgumentError(
                f"Failed to process element: {position} key: {name} of 'instances' list. Error: "
                f"{error.code.name}: {error}"
            ) from error


def _require_names(
    instance: Any, first: Any, position: int, data_types: Mapping[str, int], optional: Collection[str]
) -> None:
    if not set(data_types).difference(optional) <= set(instance):
        raise _names_error(instance, position, f"equal to: {','.join(sorted(data_types))}")
    if set(instance) != set(first):
        raise _names_error(instance, position, f"those of the first: {','.join(sorted(first))}")


def _names_error(instance: Any, position: int, rule: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(
        f"Failed to process element: {position} of 'instances' list. JSON object: {json_document.echo(instance)} keys "
        f"must be {rule}"
    )


def _add_value(rows: dict[str, list[np.ndarray]], instance: Any, position: int, only_input: tuple[str, int]) -> None:
    if _is_object(instance):
        raise errors.InvalidArgumentError(f"Expecting value/list but got object at item {position} of input list")
    try:
        _append_row(rows, only_input[0], instance, only_input[1])
    except errors.ServingError as error:
        raise errors.InvalidArgumentError(
            f"Failed to process element: {position} of 'instances' list. Error: {error.code.name}: {error}"
        ) from error


def _append_row(rows: dict[str, list[np.ndarray]], name: str, value: Any, data_type: int) -> None:
    array = read_tensor(value, data_type)
    arrays = rows.setdefault(name, [array])
    if array is arrays[0]:
        return
    if array.size != arrays[0].size:
        raise errors.InvalidArgumentError(f"Expecting tensor size: {arrays[0].size} but got: {array.size}")
    if array.shape != arrays[0].shape:
        shapes = [f"[{','.join(map(str, tensor.shape))}]" for tensor in (arrays[0], array)]
        raise errors.InvalidArgumentError(f"Expecting shape {shapes[0]} but got: {shapes[1]}")
    arrays.append(array)


def _read_columns(inputs: Any, data_types: Mapping[str, int], optional: Collection[str]) -> dict[str, np.ndarray]:
    if not _is_object(inputs):
        if len(data_types) > 1:
            raise errors.InvalidArgumentError(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        inputs = {next(iter(data_types)): inputs}
    arrays = {}
    if optional and (unknown := sorted(set(inputs).difference(data_types))):
        raise errors.InvalidArgumentError(
            f"Signature has no input named {unknown[0]}; its inputs are {','.join(sorted(data_types))}."
        )
    for name in sorted(data_types):
        if name not in inputs:
            if name in optional:
                continue
            raise errors.InvalidArgumentError(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = read_tensor(inputs[name], data_types[name])
    return arrays


def _shape(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        if len(shape) == _MAX_RANK:
            raise errors.InvalidArgumentError(f"Lists may be nested {_MAX_RANK} deep at most to form a tensor.")
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _flatten(value: Any, level: int, shape: tuple[int, ...], data_type: int, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise errors.InvalidArgumentError(
                f"JSON Value: {json_document.echo(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        flat.append(_to_element(value, data_type))
        return
    if level >= len(shape):
        raise errors.InvalidArgumentError(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise errors.InvalidArgumentError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _flatten(item, level + 1, shape, data_type, flat)


def _to_element(value: Any, data_type: int) -> Any:
    kind = type(value)
    if data_type == types_pb2.DT_STRING:
        if kind is str:
            return json_document.to_bytes(value)
        if kind is dict:
            return json_base64.decode(value)
    elif data_type == types_pb2.DT_BOOL:
        if kind is bool:
            return value
    elif data_type in _FLOAT_LIMITS:
        if kind in (int, float):
            return _to_float(value, data_type)
    elif kind is int and _INT_RANGES[data_type][0] <= value <= _INT_RANGES[data_type][1]:
        return value
    raise errors.InvalidArgumentError(
        f"JSON Value: {json_document.echo(value)} Type: {json_document.type_name(value)} "
        f"is not of expected type: {tensor_proto.data_type_name(data_type)}"
    )


def _to_float(value: int | float, data_type: int) -> float:
    largest_exact, largest_finite = _FLOAT_LIMITS[data_type]
    # Whole numbers beyond 64 bits are decimals, as RapidJSON reads them.
    if isinstance(value, int) and _INT64_MIN <= value <= _UINT64_MAX:
        is_lossless = abs(value) <= largest_exact
    else:
        is_lossless = abs(value) <= largest_finite or value != value or abs(value) == float("inf")
    if not is_lossless:
        raise errors.InvalidArgumentError(
            f"Cannot convert JSON value: {json_document.echo(value)} to {tensor_proto.data_type_name(data_type)} "
            "without loss of precision."
        )
    return float(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not json_base64.is_base64(value)


def _document_error(document: Mapping[str, Any], text: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(f"JSON Value: {json_document.echo(document)} {text}")
