"""What is wrong with a block of JSON lines that could not be read: looked for line by line, after the fact."""

import json
from typing import Any

_QUOTED_CHARACTERS = 80
_NAMES = {float: "numbers", str: "text", bool: "true or false", list: "lists", dict: "objects"}


def first_fault(text: bytes, families: dict[str, type | None]) -> tuple[int, str] | None:
    """Returns the index of the first faulty line and what is wrong with it, or `None`.

    Args:
      text: whole lines, UTF-8.
      families: by key the Python type of the values before this block, numbers as float; completed here.
    """
    families = dict(families)
    for index, line in enumerate(text.split(b"\n")):
        if line.strip() and (complaint := _complaint(line, families)):
            return index, complaint
    return None


def _complaint(line: bytes, families: dict[str, type | None]) -> str | None:
    try:
        value = json.loads(line, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        quoted = line.decode("utf-8", errors="replace").strip()
        quoted = quoted if len(quoted) <= _QUOTED_CHARACTERS else f"{quoted[:_QUOTED_CHARACTERS]}..."
        return f"is no JSON object ({error.msg} at character {error.pos + 1}): {quoted!r}"
    except _RepeatedKeyError as error:
        return f"has the key {error.args[0]!r} twice"
    if not isinstance(value, dict):
        return f"holds {_NAMES.get(_family(value), 'null')}, but must hold one object with a key for each column"
    for key, each in value.items():
        family, before = _family(each), families.get(key)
        if family is not None and before is not None and family is not before:
            return f"has {_NAMES[family]} under {key!r}, where lines before have {_NAMES[before]}"
        families[key] = before or family
        if complaint := _mixed_list(key, each):
            return complaint
    return None


def _mixed_list(key: str, value: Any) -> str | None:
    families = {_family(each) for each in value} - {None} if isinstance(value, list) else set()
    if len(families) > 1:
        return f"has a list of {' and '.join(sorted(_NAMES[family] for family in families))} under {key!r}"
    return None


def _family(value: Any) -> type | None:
    if value is None:
        return None
    return float if type(value) is int else type(value)


class _RepeatedKeyError(Exception):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise _RepeatedKeyError(key)
    return dict(pairs)
