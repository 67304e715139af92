"""Where and why RapidJSON stops reading a text: TensorFlow Serving answers with its sentence and offset.

Sentences are those of rapidjson/error/en.h; which one, and at which byte, is that of rapidjson/reader.h with
kParseNanAndInfFlag, in the order in which it reads. For texts that have failed: it looks at each token once, in Python.
"""

import math
import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_SPACE = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]*)")
_DIGITS = re.compile(rb"[0-9]*")
_SIGN = re.compile(rb"[+-]?")
_WORDS = {b"n": b"null", b"t": b"true", b"f": b"false"}
_NOT_FINITE = {b"I": b"Infinity", b"N": b"NaN"}
_SHORT_INFINITY = re.compile(rb"Inf(?!i)")


class _StopError(Exception):
    """Where reading ends: sentence, offset."""


def first_error(text: bytes) -> tuple[str, int] | None:
    """Returns the sentence about the first error in `text` and its offset in bytes, `None` if there is none."""
    try:
        _read_document(text)
    except _StopError as stop:
        return stop.args
    return None


def _read_document(text: bytes) -> None:
    at = _after_space(text, len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0)
    if at == len(text):
        raise _StopError("The document is empty.", at)
    closers: list[bytes] = []
    while True:
        at, is_complete = _read_value(text, at, closers)
        if not is_complete:
            continue
        at = _close(text, _after_space(text, at), closers)
        if not closers:
            break
        at = _read_comma(text, at, closers[-1])
    if at != len(text):
        raise _StopError("The document root must not be followed by other values.", at)


def _read_value(text: bytes, at: int, closers: list[bytes]) -> tuple[int, bool]:
    """Reads a value, of a list or an object only the beginning; returns where, and whether the value was complete."""
    first = text[at : at + 1]
    if first not in (b"[", b"{"):
        return _read_scalar(text, at, first), True
    closer = b"]" if first == b"[" else b"}"
    at = _after_space(text, at + 1)
    if text[at : at + 1] == closer:
        return at + 1, True
    closers.append(closer)
    return (_read_name(text, at) if closer == b"}" else at), False


def _close(text: bytes, at: int, closers: list[bytes]) -> int:
    while closers and text[at : at + 1] == closers[-1]:
        closers.pop()
        at = _after_space(text, at + 1)
    return at


def _read_comma(text: bytes, at: int, closer: bytes) -> int:
    if text[at : at + 1] != b",":
        after = "an object member" if closer == b"}" else "an array element"
        raise _StopError(f"Missing a comma or {closer.decode()} after {after}.", at)
    at = _after_space(text, at + 1)
    return _read_name(text, at) if closer == b"}" else at


def _read_name(text: bytes, at: int) -> int:
    if text[at : at + 1] != b'"':
        raise _StopError("Missing a name for object member.", at)
    at = _after_space(text, _read_string(text, at))
    if text[at : at + 1] != b":":
        raise _StopError("Missing a colon after a name of object member.", at)
    return _after_space(text, at + 1)


def _read_scalar(text: bytes, at: int, first: bytes) -> int:
    if first == b'"':
        return _read_string(text, at)
    if first in _WORDS:
        return _read_word(text, at, _WORDS[first])
    return _read_number(text, at)


def _read_string(text: bytes, at: int) -> int:
    at = _PLAIN.match(text, at + 1).end()
    while text[at : at + 1] != b'"':
        if at == len(text) or text[at] == 0:
            raise _StopError("Missing a closing quotation mark in string.", at)
        if text[at : at + 1] != b"\\":
            raise _StopError("Invalid encoding in string.", at)
        at = _PLAIN.match(text, _read_escape(text, at)).end()
    return at + 1


def _read_escape(text: bytes, at: int) -> int:
    if not (escape := _ESCAPE.match(text, at)):
        if text[at + 1 : at + 2] == b"u":
            raise _StopError("Incorrect hex digit after \\u escape in string.", at)
        raise _StopError("Invalid escape character in string.", at)
    return escape.end()


def _read_word(text: bytes, at: int, word: bytes) -> int:
    if text.startswith(word, at):
        return at + len(word)
    while text[at : at + 1] == word[:1]:
        at, word = at + 1, word[1:]
    raise _StopError("Invalid value.", at)


def _read_number(text: bytes, start: int) -> int:
    unsigned = start + (text[start : start + 1] == b"-")
    if word := _NOT_FINITE.get(text[unsigned : unsigned + 1]):
        return unsigned + 3 if _SHORT_INFINITY.match(text, unsigned) else _read_word(text, unsigned, word)
    if not (integer := _INTEGER.match(text, start)):
        raise _StopError("Invalid value.", unsigned)
    at = integer.end()
    if text[at : at + 1] == b".":
        at = _read_digits(text, at + 1, "Miss fraction part in number.")
    if text[at : at + 1] in (b"e", b"E"):
        at = _read_digits(text, _SIGN.match(text, at + 1).end(), "Miss exponent in number.")
    if math.isinf(float(text[start:at])):
        raise _StopError("Number too big to be stored in double.", start)
    return at


def _read_digits(text: bytes, at: int, what_misses: str) -> int:
    end = _DIGITS.match(text, at).end()
    if end == at:
        raise _StopError(what_misses, at)
    return end


def _after_space(text: bytes, at: int) -> int:
    return _SPACE.match(text, at).end()
