"""Tensors as JSON values and back. Pure functions, no TensorFlow.

An answer's numbers become the declared type exactly or not at all: integers beyond 2^53 keep all digits, NaN and
the infinities are the bare words that TensorFlow Serving writes.
"""

import base64
import binascii
from typing import Any

import numpy as np

from serving import errors
from serving.client import model_info

# The types of JSON values that each kind of NumPy dtype may come as.
_JSON_TYPES = {
    "b": ({bool}, "true and false"),
    "i": ({int}, "whole numbers"),
    "u": ({int}, "whole numbers"),
    "f": ({float, int}, "numbers"),
    "O": ({str, dict}, "texts"),
}


def to_json(value: Any) -> Any:
    """Returns nested lists as JSON can hold them; bytes that are no UTF-8 become `{"b64": ...}`."""
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value


def to_array(name: str, values: Any, spec: model_info.TensorSpec) -> np.ndarray:
    """Returns the array of an output.

    Args:
      name: name of the output, for errors.
      values: a JSON value or nested lists of them.
      spec: what the signature declares.

    Raises:
      InternalError: if the values are ragged, of another type, or do not fit it.
      UnimplementedError: if the type has no JSON form.
    """
    array = _to_objects(name, values)
    found = set(map(type, array.ravel().tolist()))
    # NumPy keeps lists of unequal lengths as elements where they stand innermost.
    if list in found:
        raise _ragged(name)
    if spec.dtype is None:
        raise errors.UnimplementedError(
            f"Output {name!r} is of {spec.data_type}, which has no JSON form; ask over gRPC."
        )
    types, expected = _JSON_TYPES[spec.dtype.kind]
    if found - types:
        wrong = next(value for value in array.flat if type(value) not in types)
        raise errors.InternalError(
            f"Output {name!r} is declared as {spec.data_type}, which holds {expected}, but the server answered "
            f"{wrong!r}."
        )
    if not array.size:
        return _empty(array.shape, spec)
    return _to_strings(name, array) if spec.dtype.kind == "O" else _to_numbers(name, array, spec)


def _to_objects(name: str, values: Any) -> np.ndarray:
    try:
        return np.array(values, object)
    except ValueError as error:
        raise _ragged(name) from error


def _ragged(name: str) -> errors.InternalError:
    return errors.InternalError(f"The server answered output {name!r} with lists of unequal lengths.")


def _empty(shape: tuple[int, ...], spec: model_info.TensorSpec) -> np.ndarray:
    # JSON says nothing of the dimensions inside an empty list; the signature does.
    inner = () if spec.shape is None else tuple(size or 0 for size in spec.shape[len(shape) :])
    return np.zeros(shape + inner, spec.dtype)


def _to_numbers(name: str, array: np.ndarray, spec: model_info.TensorSpec) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            numbers = array.astype(spec.dtype)
        if spec.dtype.kind == "f":
            # Digits beyond those of the type are lost as in any literal; becoming infinite is not the same number.
            is_same = np.isfinite(numbers) == np.isfinite(array.astype(np.float64))
        else:
            is_same = numbers.astype(object) == array
    except OverflowError:
        is_same = False
    if not np.all(is_same):
        raise errors.InternalError(
            f"Output {name!r} is declared as {spec.data_type}, which cannot hold what the server answered, such as "
            f"{_largest(array)!r}."
        )
    return numbers


def _largest(array: np.ndarray) -> Any:
    return max(array.flat, key=lambda value: abs(value) if abs(value) != float("inf") else -1)


def _to_strings(name: str, array: np.ndarray) -> np.ndarray:
    # Assigned one by one: np.array would give bytes a fixed width and cut trailing zeros.
    strings = np.empty(array.size, object)
    strings[:] = [_to_bytes(name, value) for value in array.flat]
    return strings.reshape(array.shape)


def _to_bytes(name: str, value: str | dict) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        return base64.b64decode(value["b64"], validate=True)
    except (KeyError, TypeError, UnicodeEncodeError, binascii.Error) as error:
        raise errors.InternalError(
            f"The server answered output {name!r} with {value!r}, which is no text and no base64."
        ) from error
