"""JSON to tf.Examples: the body of a REST classify or regress request. Pure functions.

    {"signature_name": "rank", "context": {"country": "se"}, "examples": [{"age": 20, "tags": ["a", "b"]}]}

Whole numbers and booleans become int64 features, decimals float ones, strings and `{"b64": ..}` bytes. The first
value of a list decides which, and the others have to be of the same kind: `[1, 2.5]` is refused, `[1.0, 2.5]` is
not. Rules and sentences are those of TensorFlow Serving's util/json_tensor.cc, which says classify of both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow_serving.apis import classification_pb2, regression_pb2

from serving import errors
from serving.server import json_base64, json_document, tensor_json

_CONTEXT, _EXAMPLES = "context", "examples"
_INT64_MAX, _UINT64_MAX = (1 << 63) - 1, (1 << 64) - 1
_MOST_BYTES_SHOWN = 200
_FLOAT_MAX = float(np.finfo(np.float32).max)


def fill(
    request: classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest, document: Mapping[str, Any]
) -> None:
    """Adds the signature's name and the examples of a document to a request.

    Raises:
      InvalidArgumentError: if there are no examples, or a value has no place in one.
    """
    request.model_spec.signature_name = _text("signature_name", tensor_json.signature_name(document))
    examples = request.input.example_list
    if _CONTEXT in document:
        examples = request.input.example_list_with_context
        examples.context.CopyFrom(_to_example(document[_CONTEXT]))
    for value in _values(document):
        examples.examples.append(_to_example(value))


def _values(document: Mapping[str, Any]) -> list[Any]:
    if _EXAMPLES not in document:
        problem = f"When method is classify, key '{_EXAMPLES}' is expected and was not found"
    elif not isinstance(document[_EXAMPLES], list):
        problem = f"Expecting '{_EXAMPLES}' value to be an list/array"
    elif not document[_EXAMPLES]:
        problem = f"'{_EXAMPLES}' value is an empty array"
    else:
        return document[_EXAMPLES]
    raise errors.InvalidArgumentError(f"JSON Value: {json_document.echo(document)} {problem}")


def _to_example(value: Any) -> example_pb2.Example:
    if not isinstance(value, dict):
        raise errors.InvalidArgumentError(f"Example must be JSON object but got JSON {json_document.type_name(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        example.features.feature[_text("Names of features", name)].CopyFrom(_to_feature(name, content))
    return example


def _to_feature(name: str, content: Any) -> feature_pb2.Feature:
    kind, elements = None, []
    for value in content if isinstance(content, list) else [content]:
        value_kind = _kind(name, value)
        if kind not in (None, value_kind):
            raise errors.InvalidArgumentError(f"Unexpected element type in feature: {name} expecting type: {kind}")
        kind = value_kind
        elements.append(_to_element(name, value, kind))
    feature = feature_pb2.Feature()
    if kind:
        getattr(feature, f"{kind}_list").value.extend(elements)
    return feature


def _kind(name: str, value: Any) -> str:
    """Returns the kind of feature for a value; whole numbers beyond 64 bits are decimals, as RapidJSON reads them."""
    if isinstance(value, str) or json_base64.is_base64(value):
        return "bytes"
    if isinstance(value, int):
        return "int64" if -_INT64_MAX - 1 <= value <= _UINT64_MAX else "float"
    if isinstance(value, float):
        return "float"
    raise errors.InvalidArgumentError(
        f"Feature: {name} has element with unexpected JSON type: {json_document.type_name(value)}"
    )


def _to_element(name: str, value: Any, kind: str) -> bytes | int | float:
    if kind == "bytes":
        return json_document.to_bytes(value) if isinstance(value, str) else json_base64.decode(value)
    if kind == "int64":
        if value > _INT64_MAX:
            raise errors.InvalidArgumentError(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return int(value)
    # NaN and the infinities pass: they are neither above nor below, or what they are in float32 too.
    if abs(value) > _FLOAT_MAX and abs(value) != float("inf"):
        raise errors.InvalidArgumentError(
            f"Cannot convert JSON value: {json_document.echo(value)} to float without loss of precision."
        )
    return float(value)


def _text(what: str, value: str) -> str:
    """Returns text that a message can hold; the document may have bytes that are none."""
    value_bytes = json_document.to_bytes(value)
    try:
        return value_bytes.decode()
    except UnicodeDecodeError as error:
        shown = value_bytes[:_MOST_BYTES_SHOWN].decode("utf-8", "backslashreplace")
        raise errors.InvalidArgumentError(f'{what} must be UTF-8, but one came as "{shown}".') from error
