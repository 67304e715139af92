"""Answers to JSON: tensors in the row and column formats of predict, results of classify and regress. Pure functions.

    row        {"predictions": [{"candidate_ids": ["50"], "scores": [0.91]}]}
    column     {"outputs": {"candidate_ids": [["50"]], "scores": [[0.91]]}}
    classify   {"results": [[["cat", 0.9], ["dog", 0.1]]]}
    regress    {"results": [2.5, 3.0]}

A single output goes without its name. Floats keep a decimal point (`3.0`), and NaN
and the infinities are bare words, which Python's json reads and JavaScript's does not.
Line breaks are those of RapidJSON's PrettyWriter, lists on one line except in columns.
"""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, regression_pb2

from serving import errors, tensor_proto

_BYTES_SUFFIX = "_bytes"
_ESCAPE = re.compile(r"\\(?:u....|.)")
_FLOAT_TYPES = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF)
_INT_TYPES = (
    types_pb2.DT_INT8,
    types_pb2.DT_UINT8,
    types_pb2.DT_INT16,
    types_pb2.DT_INT32,
    types_pb2.DT_UINT32,
    types_pb2.DT_INT64,
    types_pb2.DT_UINT64,
)


def write_outputs(outputs: Mapping[str, np.ndarray], is_row_format: bool) -> bytes:
    """Returns the body of a predict answer.

    Args:
      outputs: output name to array. Names that end in `_bytes` are written as base64.
      is_row_format: whether to write `predictions`, one per row, or `outputs`.

    Raises:
      InvalidArgumentError: in row format, if an output is a scalar or the first dimensions
        differ; or if a dtype has no JSON form.
    """
    if not outputs:
        raise errors.InvalidArgumentError("Cannot convert empty tensor map to JSON")
    text = _write_rows(outputs) if is_row_format else _write_columns(outputs)
    # Strings that are not UTF-8 leave as the bytes they are.
    return text.encode("utf-8", "surrogateescape")


def write_classifications(result: classification_pb2.ClassificationResult) -> bytes:
    """Returns the body of a classify answer: for each example its pairs of label and score."""
    rows = []
    for classifications in result.classifications:
        scores = _decimals(np.array([one.score for one in classifications.classes], np.float32))
        labels = [_quoted(one.label) for one in classifications.classes]
        pairs = [f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)]
        rows.append(f"[{', '.join(pairs)}]")
    return f'{{\n    "results": [{", ".join(rows)}\n    ]\n}}'.encode()


def write_regressions(result: regression_pb2.RegressionResult) -> bytes:
    """Returns the body of a regress answer: for each example its number."""
    numbers = _decimals(np.array([regression.value for regression in result.regressions], np.float32))
    return f'{{\n    "results": [{", ".join(numbers)}]\n}}'.encode()


def write_error(message: str) -> bytes:
    """Returns the body of an answer that is an error."""
    # What a request quoted back is no character becomes "?", so that the answer is JSON all the same.
    return f'{{\n    "error": {_quoted(message)}\n}}'.encode("utf-8", "replace")


def _write_rows(outputs: Mapping[str, np.ndarray]) -> str:
    num_rows = None
    for name, array in outputs.items():
        if not array.ndim:
            raise errors.InvalidArgumentError(f"Tensor name: {name} has no shape information ")
        if num_rows not in (None, len(array)):
            raise errors.InvalidArgumentError(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {num_rows}"
            )
        num_rows = len(array)
    level = 2 if len(outputs) == 1 else 3
    columns = {name: _rows_of(array, _tokens(name, array, level + array.ndim - 1)) for name, array in outputs.items()}
    if len(columns) == 1:
        rows = next(iter(columns.values()))
        body = f"[{', '.join(rows)}\n    ]" if rows else "[]"
    else:
        rows = [_object(columns, row, indent=8) for row in range(num_rows)]
        body = f"[\n{_indented(rows, 8)}\n    ]" if rows else "[]"
    return f'{{\n    "predictions": {body}\n}}'


def _write_columns(outputs: Mapping[str, np.ndarray]) -> str:
    level = 1 if len(outputs) == 1 else 2
    texts = {
        name: [_nested(_tokens(name, array, level + array.ndim), array.shape, level)] for name, array in outputs.items()
    }
    body = next(iter(texts.values()))[0] if len(texts) == 1 else _object(texts, 0, indent=4)
    return f'{{\n    "outputs": {body}\n}}'


def _object(columns: Mapping[str, Sequence[str]], row: int, indent: int) -> str:
    members = [f"{_quoted(name)}: {column[row]}" for name, column in columns.items()]
    return f"{{\n{_indented(members, indent + 4)}\n{' ' * indent}}}"


def _indented(items: Sequence[str], indent: int) -> str:
    return ",\n".join(" " * indent + item for item in items)


def _rows_of(array: np.ndarray, tokens: list[str]) -> list[str]:
    size = math.prod(array.shape[1:])
    return [_nested(tokens[row * size : (row + 1) * size], array.shape[1:]) for row in range(len(array))]


def _nested(tokens: list[str], shape: Sequence[int], level: int | None = None) -> str:
    """Returns the elements of a tensor as nested lists.

    Args:
      tokens: the elements.
      shape: that of the tensor.
      level: number of lists and objects around the tensor, to give each element its line; `None` for one line.
    """
    for axis in range(len(shape) - 1, -1, -1):
        num_lists, size = math.prod(shape[:axis]), shape[axis]
        beginning, between, end = ("[", ", ", "]") if level is None or not size else _list_lines(level + axis)
        tokens = [
            f"{beginning}{between.join(tokens[index * size : (index + 1) * size])}{end}" for index in range(num_lists)
        ]
    return tokens[0]


def _list_lines(level: int) -> tuple[str, str, str]:
    inner = "\n" + " " * (4 * level + 4)
    return f"[{inner}", f",{inner}", f"\n{' ' * (4 * level)}]"


def _tokens(name: str, array: np.ndarray, level: int) -> list[str]:
    """Returns the elements, in row-major order, as JSON text; `level` counts the lists and objects around each."""
    data_type = tensor_proto.data_type_of(array)
    flat = np.ravel(array)
    if data_type in _FLOAT_TYPES:
        return _decimals(flat)
    if data_type in _INT_TYPES:
        return list(map(str, flat.tolist()))
    if data_type == types_pb2.DT_BOOL:
        return ["true" if value else "false" for value in flat.tolist()]
    if data_type == types_pb2.DT_STRING and name.endswith(_BYTES_SUFFIX):
        return [_base64_object(value, 4 * level) for value in flat.tolist()]
    if data_type == types_pb2.DT_STRING:
        return [_quoted(value.decode("utf-8", "surrogateescape")) for value in flat.tolist()]
    raise errors.InvalidArgumentError(
        f"Failed to write JSON value for tensor type: {tensor_proto.data_type_name(data_type)}"
    )


def _base64_object(value: bytes, indent: int) -> str:
    return f'{{\n{" " * indent}    "b64": "{base64.b64encode(value).decode()}"\n{" " * indent}}}'


def _quoted(text: str) -> str:
    """Returns a JSON string with the escapes of RapidJSON, whose hexadecimal digits are capitals."""
    quoted = json.dumps(text, ensure_ascii=False)
    return _ESCAPE.sub(_in_capitals, quoted) if "\\u00" in quoted else quoted


def _in_capitals(escape: re.Match) -> str:
    return escape[0][:2] + escape[0][2:].upper()


def _decimals(flat: np.ndarray) -> list[str]:
    """Returns six digits where they give the number back exactly, else as many as its type can need."""
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    digits = 9 if flat.dtype == np.float32 else 17
    values = flat.tolist()
    texts = [f"{value:g}" for value in values]
    read_back = [float(text) for text in texts]
    if read_back == values:
        return list(map(_with_point, texts))
    is_exact = np.array(read_back, flat.dtype) == flat
    return [
        _with_point(text if exact or value != value else f"{value:.{digits}g}")
        for text, value, exact in zip(texts, values, is_exact, strict=True)
    ]


def _with_point(text: str) -> str:
    if text.endswith(("inf", "nan")):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "-nan": "NaN"}[text]
    return text if "." in text or "e" in text else f"{text}.0"
