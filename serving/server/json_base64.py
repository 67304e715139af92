"""Strings of bytes in JSON: `{"b64": "aGVsbG8="}` stands for b"hello". Pure functions."""

import base64
import binascii
from typing import Any

from serving import errors
from serving.server import json_document

_KEY = "b64"
_DOTS_AND_SPACE = str.maketrans(".", "=", " \t\n\v\f\r")


def is_base64(value: Any) -> bool:
    """Returns whether a JSON value is such an object and nothing else."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_KEY), str)


def decode(value: dict[str, Any]) -> bytes:
    """Returns the bytes; padding may be left out or be dots, and whitespace is passed over.

    So absl::Base64Unescape reads it, which TensorFlow Serving calls (absl/strings/escaping.cc).

    Raises:
      InvalidArgumentError: if it is another object, or its text is no base64.
    """
    if not is_base64(value):
        raise errors.InvalidArgumentError(
            f"JSON Value: {json_document.echo(value)} not formatted correctly for base64 data"
        )
    text = value[_KEY].translate(_DOTS_AND_SPACE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.InvalidArgumentError("Unable to base64 decode") from error
