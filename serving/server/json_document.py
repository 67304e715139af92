"""Parses the JSON body of a REST request, with the error texts that clients of TensorFlow Serving know."""

import json
import math
from typing import Any

from serving import errors

# Python's sentence (its beginning) to the one of RapidJSON, which TensorFlow Serving uses.
_TEXTS = {
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Extra data": "The document root must not be followed by other values.",
}
_MAX_ECHOED_CHARACTERS = 1000


def parse(body: bytes) -> dict[str, Any]:
    """Returns the JSON object in `body`; NaN, Infinity and -Infinity count as numbers.

    Bytes that are not UTF-8 pass through as surrogates, see `to_bytes`: string
    tensors hold bytes, not text.

    Raises:
      InvalidArgumentError: if it is no JSON, or no object.
    """
    text = body.decode("utf-8", "surrogateescape")
    if not text.strip():
        raise errors.InvalidArgumentError("JSON Parse error: The document is empty.")
    try:
        document = json.loads(text, parse_float=_to_finite_float)
    except json.JSONDecodeError as error:
        raise _parse_error(_rapidjson_text(error), text[: error.pos]) from error
    except RecursionError as error:
        raise _parse_error("The document is nested too deeply.", "") from error
    except errors.ServingError:
        raise
    except ValueError as error:
        # Python reads whole numbers of up to 4,300 digits.
        raise _parse_error("Number too big to be stored in double.", "") from error
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
        raise _parse_error("The surrogate pair in string is invalid.", value[: error.start]) from error


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


def _to_finite_float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise _parse_error("Number too big to be stored in double.", "")
    return value


def _rapidjson_text(error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Expecting ',' delimiter"):
        if _is_in_object(error.doc[: error.pos]):
            return "Missing a comma or } after an object member."
        return "Missing a comma or ] after an array element."
    return next((text for start, text in _TEXTS.items() if error.msg.startswith(start)), f"{error.msg}.")


def _is_in_object(text: str) -> bool:
    """Returns whether the innermost bracket still open at the end of `text` is a brace."""
    open_brackets, is_in_string, is_escaped = [], False, False
    for character in text:
        if is_in_string:
            is_in_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_in_string = True
        elif character in "{[":
            open_brackets.append(character)
        elif character in "}]":
            open_brackets.pop()
    return bool(open_brackets) and open_brackets[-1] == "{"


def _parse_error(text: str, before: str) -> errors.InvalidArgumentError:
    offset = len(before.encode("utf-8", "surrogatepass"))
    return errors.InvalidArgumentError(f"JSON Parse error: {text} at offset: {offset}")
