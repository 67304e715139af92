"""Features of the examples that classify and regress take, typed as a tf.train.Example holds them.

An Example holds lists of integers, of floats or of bytes, and one feature is of one
kind. JSON and protobuf both have to say the same kind for the same Python value.
"""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving import errors

# Name to values of one kind: all `int`, all `float`, or each `str` or `bytes`.
Features = dict[str, list[int] | list[float] | list[str | bytes]]

_INT64 = np.iinfo(np.int64)


def to_features(examples: Sequence[Mapping[str, Any]]) -> list[Features]:
    """Returns the features of each example as lists of one kind.

    Args:
      examples: per example, feature name to one value or to a list: integers and booleans (which count as 1 and 0),
        floats within float32, or texts and bytes.

    Raises:
      InvalidArgumentError: if an example is no mapping, or a feature cannot be held by a tf.train.Example unchanged.
    """
    if isinstance(examples, (str, bytes, Mapping)) or not hasattr(examples, "__iter__"):
        raise errors.InvalidArgumentError(f"examples takes a list of mappings, but got {examples!r}.")
    return [to_one(example) for example in examples]


def to_one(example: Mapping[str, Any]) -> Features:
    """Returns the features of one example; see `to_features`."""
    if not isinstance(example, Mapping):
        raise errors.InvalidArgumentError(f"An example maps feature names to values, but is {example!r}.")
    return {name: _to_values(name, values) for name, values in example.items()}


def _to_values(name: str, values: Any) -> list:
    values = values.tolist() if isinstance(values, (np.ndarray, np.generic)) else values
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    kinds = {_kind(name, value) for value in values}
    if len(kinds) > 1:
        raise errors.InvalidArgumentError(
            f"Feature {name!r} must be of one kind, but holds {' and '.join(sorted(kinds))}: {values!r}. "
            "Write whole numbers among floats as 2.0."
        )
    return [_to_value(name, value, *kinds) for value in values]


def _kind(name: str, value: Any) -> str:
    if isinstance(value, (numbers.Integral, np.bool_)):
        return "integers"
    if isinstance(value, (float, np.floating)):
        return "floats"
    if isinstance(value, (str, bytes)):
        return "texts"
    raise errors.InvalidArgumentError(
        f"Feature {name!r} takes integers, floats, texts or bytes, or a list of them, but holds {value!r}."
    )


def _to_value(name: str, value: Any, kind: str) -> int | float | str | bytes:
    if kind == "integers":
        if not _INT64.min <= value <= _INT64.max:
            raise _out_of_range(name, value, "int64")
        return int(value)
    if kind == "floats":
        with np.errstate(over="ignore"):
            if np.isfinite(value) and not np.isfinite(np.float32(value)):
                raise _out_of_range(name, value, "float32")
        return float(value)
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise errors.InvalidArgumentError(f"Feature {name!r} holds half of a surrogate pair, {value!r}; send bytes.")
    return value


def _out_of_range(name: str, value: float, type_name: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(
        f"Feature {name!r} holds {value!r}, but a tf.train.Example holds {type_name} values only."
    )
