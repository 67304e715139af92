"""Requests that are almost right: valid ones changed at random places, and bytes of no kind at all. All from a seed."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.protobuf import message as protobuf_message

_NUMBERS = (0, 1, -1, 0.5, 1e39, -1e39, 1e400, 1 << 31, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63) - 1, 10**400)
_TEXTS = ("", "x", "\0", "\ud800", "é", "𝄞", "b64", "../../etc/passwd", "a" * 5000, "serving_default", "x:0")
_WORDS = (b"NaN", b"Infinity", b"-Infinity", b"Inf", b"-NaN", b"null", b"true", b"[]", b"{}", b'""', b"1e5000", b"--1")
_DEEP = b"[" * 100_000
_PIECES = (
    _DEEP,
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b'"',
    b"\\",
    b"\\u",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"e",
)


def json_bodies(valid: Sequence[dict], number: int, seed: int) -> Iterator[bytes]:
    """Yields bodies made of valid documents: other values, other shapes, other bytes, or bytes of no kind."""
    draw = random.Random(seed)
    for _ in range(number):
        choice = draw.random()
        if choice < 0.1:
            yield draw.randbytes(draw.randrange(200))
            continue
        document = json.loads(json.dumps(draw.choice(valid)))
        for _ in range(draw.randrange(3)):
            document = _changed(document, draw)
        body = json.dumps(document).encode()
        yield _with_other_bytes(body, draw, (*_PIECES, *_WORDS)) if choice < 0.55 else body


def messages(valid: Sequence[protobuf_message.Message], number: int, seed: int) -> Iterator[bytes]:
    """Yields messages made of valid ones: other fields, other bytes, cut off, or bytes of no kind."""
    draw = random.Random(seed)
    for _ in range(number):
        choice = draw.random()
        if choice < 0.1:
            yield draw.randbytes(draw.randrange(200))
            continue
        original = draw.choice(valid)
        message = type(original).FromString(original.SerializeToString())
        for _ in range(draw.randrange(4)):
            _change_field(message, draw)
        serialized = message.SerializeToString()
        yield (
            _with_other_bytes(serialized, draw, [draw.randbytes(draw.randrange(1, 9))]) if choice < 0.5 else serialized
        )


def _with_other_bytes(text: bytes, draw: random.Random, pieces: Sequence[bytes]) -> bytes:
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(text) + 1)
        cut = draw.choice([0, 0, 1, 1, draw.randrange(20), len(text)])
        text = text[:at] + draw.choice([*pieces, b""]) + text[at + cut :]
    return text


def _changed(value: Any, draw: random.Random) -> Any:
    """Returns a JSON value with another one somewhere in it."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        name = draw.choice(sorted(value))
        changed = dict(value)
        changed[draw.choice([name, draw.choice(_TEXTS)])] = _changed(changed.pop(name), draw)
        return changed
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        return [*value[:at], *draw.choice(([], [_changed(value[at], draw)], [value[at]] * 3)), *value[at + 1 :]]
    return _other_value(value, draw)


def _other_value(value: Any, draw: random.Random) -> Any:
    makers: Sequence[Callable[[], Any]] = (
        lambda: draw.choice(_NUMBERS),
        lambda: draw.choice(_TEXTS),
        lambda: draw.choice((None, True, False, [], {}, [[]], float("nan"), float("inf"))),
        lambda: [value],
        lambda: [value] * draw.randrange(300),
        lambda: {"b64": draw.choice(_TEXTS)},
        lambda: _nested(draw.choice((3, 70, 300))),
    )
    return draw.choice(makers)()


def _nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def _change_field(message: protobuf_message.Message, draw: random.Random) -> None:
    """Changes some field of a message, or of a message within it."""
    field = draw.choice(message.DESCRIPTOR.fields)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _change_map(getattr(message, field.name), field, draw)
    elif field.is_repeated:
        _change_list(getattr(message, field.name), field, draw)
    elif field.message_type is not None:
        if draw.random() < 0.1:
            message.ClearField(field.name)
        else:
            _change_field(getattr(message, field.name), draw)
    else:
        setattr(message, field.name, _scalar(field, draw))


def _change_map(values: Any, field: Any, draw: random.Random) -> None:
    value_field = field.message_type.fields_by_name["value"]
    name = draw.choice([*sorted(values, key=str), None])
    if name is None:
        name = _scalar(field.message_type.fields_by_name["key"], draw)
    if value_field.message_type is None:
        values[name] = _scalar(value_field, draw)
    elif draw.random() < 0.1:
        values.pop(name, None)
    else:
        _change_field(values[name], draw)


def _change_list(values: Any, field: Any, draw: random.Random) -> None:
    if field.message_type is None:
        values.extend(_scalar(field, draw) for _ in range(draw.choice((1, 1, 3, 200))))
    elif values and draw.random() < 0.7:
        _change_field(draw.choice(values), draw)
    else:
        _change_field(values.add(), draw)
    if draw.random() < 0.2:
        del values[:]


def _scalar(field: Any, draw: random.Random) -> Any:
    kinds = type(field)
    if field.cpp_type == kinds.CPPTYPE_STRING:
        text = draw.choice([each for each in _TEXTS if each != "\ud800"])
        return text.encode() + draw.randbytes(draw.randrange(5)) if field.type == kinds.TYPE_BYTES else text
    if field.cpp_type == kinds.CPPTYPE_BOOL:
        return draw.random() < 0.5
    if field.cpp_type == kinds.CPPTYPE_ENUM:
        return draw.randrange(-1, 130)
    if field.cpp_type in (kinds.CPPTYPE_FLOAT, kinds.CPPTYPE_DOUBLE):
        return draw.choice((0.0, -1.0, 1e38, float("nan"), float("inf"), draw.random()))
    bits = 32 if field.cpp_type in (kinds.CPPTYPE_INT32, kinds.CPPTYPE_UINT32) else 64
    is_signed = field.cpp_type in (kinds.CPPTYPE_INT32, kinds.CPPTYPE_INT64)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    return draw.choice((0, 1, 2, 3, 7, low, high, draw.randrange(low, high)))
