"""Turns the inputs of a call into arrays of the types that a signature declares."""

from collections.abc import Mapping, Sequence

import numpy as np

from serving import errors
from serving.client import model_info


def to_arrays(inputs: Mapping[str, np.ndarray | Sequence], signature: model_info.Signature) -> dict[str, np.ndarray]:
    """Returns arrays ready to be sent.

    A list has no type of its own, so it takes the one that the signature declares, if
    no value changes by that. An array is sent as it is, and the server judges it. So
    is an input that the signature does not know.

    Args:
      inputs: input name to array, or to a (nested) list or a single value.
      signature: what the model takes.

    Returns:
      Input name to array; strings as object arrays of `str` or `bytes`.

    Raises:
      InvalidArgumentError: if a list is ragged, its values do not fit the declared type, or an object is neither
        text nor bytes.
    """
    if not isinstance(inputs, Mapping):
        raise errors.InvalidArgumentError(f"inputs maps the names of inputs to their values, but is {inputs!r}.")
    return {name: _to_array(name, values, signature.inputs.get(name)) for name, values in inputs.items()}


def _to_array(name: str, values: np.ndarray | Sequence, spec: model_info.TensorSpec | None) -> np.ndarray:
    if isinstance(values, np.ndarray):
        array = values.astype(object) if values.dtype.kind in "SU" else values
        return _checked_strings(name, array, None) if array.dtype.kind == "O" else array
    is_string = spec is not None and spec.data_type == "DT_STRING"
    try:
        # As objects, for NumPy would give bytes a fixed width and cut trailing zeros.
        array = np.array(values, object)
        if any(isinstance(value, (list, tuple)) for value in array.flat):
            raise ValueError
    except ValueError as error:
        raise errors.InvalidArgumentError(
            f"Input {name!r} is a ragged list; all lists at one depth must have the same length. Pad the shorter ones."
        ) from error
    if is_string or (array.size and all(isinstance(value, (str, bytes)) for value in array.flat)):
        return _checked_strings(name, array, spec)
    return _cast(name, np.array(values), spec)


def _checked_strings(name: str, array: np.ndarray, spec: model_info.TensorSpec | None) -> np.ndarray:
    wrong = [value for value in array.flat if not isinstance(value, (str, bytes))]
    if wrong or (spec is not None and spec.data_type != "DT_STRING"):
        expected, received = ("strings", wrong[0]) if wrong else (spec.data_type, array.flat[0])
        raise errors.InvalidArgumentError(f"Input {name!r} takes {expected}, but contains {received!r}.")
    for value in array.flat:
        if isinstance(value, str) and not value.isascii():
            _require_characters(name, value)
    return array


def _require_characters(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise errors.InvalidArgumentError(
            f"Input {name!r} contains {text!r}, half of a surrogate pair, which is no character; send bytes."
        ) from error


def _cast(name: str, array: np.ndarray, spec: model_info.TensorSpec | None) -> np.ndarray:
    if spec is None or spec.dtype is None:
        return _checked_strings(name, array, None) if array.dtype.kind == "O" else array
    if not array.size:
        return array.astype(spec.dtype)
    if array.dtype.kind in "biuf":
        with np.errstate(over="ignore", invalid="ignore"):
            cast = array.astype(spec.dtype)
        if _is_faithful(cast, array):
            return cast
    raise errors.InvalidArgumentError(
        f"Input {name!r} takes {spec.data_type}, which cannot hold {array.dtype} values such as "
        f"{array.flat[0]!r} unchanged. Send values of that type."
    )


def _is_faithful(cast: np.ndarray, array: np.ndarray) -> bool:
    if cast.dtype.kind == "f" and array.dtype.kind == "f":
        # Losing digits on the way to float32 is what any literal does; becoming infinite is not.
        return np.array_equal(np.isfinite(cast), np.isfinite(array))
    if (cast.dtype.kind == "b") != (array.dtype.kind == "b"):
        return False
    return array.dtype.kind != "f" and np.array_equal(cast, array)
