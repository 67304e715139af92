"""Parses the JSON body of a REST request, with the error texts that clients of TensorFlow Serving know."""

import json
import math
import re
from typing import Any

from serving import errors
from serving.server import json_grammar

# A string, to pass over it, or what RapidJSON reads as a number that is not finite and Python does not.
_STRING_OR_ABBREVIATION = re.compile(r'"(?:[^"\\]|\\.)*"|\bInf\b|-NaN\b', re.DOTALL)
_MAX_ECHOED_CHARACTERS = 1000


def parse(body: bytes) -> dict[str, Any]:
    """Returns the JSON object in `body`; NaN, Infinity and -Infinity count as numbers.

    Bytes that are not UTF-8 pass through as surrogates, see `to_bytes`: string
    tensors hold bytes, not text.

    Raises:
      InvalidArgumentError: if it is no JSON, or no object.
    """
    if not body:
        raise errors.InvalidArgumentError("JSON Parse error: The document is empty")
    text = body.removeprefix(json_grammar.BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    try:
        document = _load(text, body)
    except RecursionError as error:
        raise _parse_error("The document is nested too deeply.", 0) from error
    if not isinstance(document, dict):
        raise errors.InvalidArgumentError(f"JSON Value: {echo(document)} Is not object")
    return document


def to_bytes(value: str) -> bytes:
    """Returns the bytes that a string of the document had in the request.

    Raises:
      InvalidArgumentError: if an escape names half of a surrogate pair, which is no character.
    """
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        before = value[: error.start].encode("utf-8", "surrogateescape")
        raise _parse_error("The surrogate pair in string is invalid.", len(before)) from error


def echo(value: Any) -> str:
    """Returns a value as JSON text for an error message, long ones cut."""
    text = ""
    try:
        for piece in json.JSONEncoder(indent=4, ensure_ascii=False).iterencode(value):
            text += piece
            if len(text) > _MAX_ECHOED_CHARACTERS:
                return text[:_MAX_ECHOED_CHARACTERS] + "..."
    except RecursionError:
        return text + "..."
    return text


def type_name(value: Any) -> str:
    """Returns the name of a JSON value's type as error messages print it."""
    if value is None or isinstance(value, bool):
        return {None: "Null", False: "False", True: "True"}[value]
    names = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return names[type(value)]


def _load(text: str, body: bytes) -> Any:
    try:
        return _DECODER.decode(text)
    except ValueError:
        if error := json_grammar.first_error(body):
            raise _parse_error(*error) from None
    return _DECODER.decode(_STRING_OR_ABBREVIATION.sub(_written_out, text))


def _to_finite_float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise ValueError(literal)
    return value


# json.loads would make one for each request.
_DECODER = json.JSONDecoder(parse_float=_to_finite_float)


def _written_out(match: re.Match) -> str:
    return {"Inf": "Infinity", "-NaN": "NaN"}.get(match[0], match[0])


def _parse_error(text: str, offset: int) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(f"JSON Parse error: {text} at offset: {offset}")
