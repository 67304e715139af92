"""Files of JSON lines that only grow: one object a line, each on disk before the call that appends it returns.

A process that is killed, or a machine that loses power, in the middle of a write leaves a last line without its end.
The next append repairs it: an object that is whole gets the line feed that it lacks, anything else is cut off, and
the log says which. A reader treats such a line in the same way and changes nothing.
"""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging

from pipelines import artifacts

_END = b"\n"
_SHOWN_BYTES = 80


class JsonLineError(artifacts.ArtifactError):
    """A line of the file is damaged; the message names it."""


def append(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Appends one object as a line and waits until it is on disk.

    Writers of several processes take turns, so that their lines never mix.

    Args:
      path: file to grow; its directory must exist, the file is made if need be.
      record: what `json` can write; NaN and infinities are refused, since other JSON readers refuse them.
    """
    line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + _END
    path = pathlib.Path(path)
    is_new = not path.exists()
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _repair(path, file.fileno())
        _write_all(file.fileno(), line)
        os.fsync(file.fileno())
    if is_new:
        _flush_name(path)


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Returns the objects of all lines, oldest first; of no file, none.

    Args:
      path: file that `append` wrote.

    Raises:
      JsonLineError: if a line is no JSON object, but for one that a kill cut short at the end.
    """
    path = pathlib.Path(path)
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return list(_records(path, file.read()))
    return []


def _records(path: pathlib.Path, content: bytes) -> Iterator[dict[str, Any]]:
    *lines, rest = content.split(_END)
    for number, line in enumerate(lines, start=1):
        record = _object(line)
        if record is None:
            raise JsonLineError(
                f"{path}: line {number} must be one JSON object, but is {_shown(line)}; take that line out, or put "
                "back a copy of the file, before another run."
            )
        yield record
    if rest:
        record = _object(rest)
        logging.warning("%s: the last line lacks its end: %s, %s", path, _shown(rest), "read" if record else "left out")
        if record is not None:
            yield record


def _repair(path: pathlib.Path, descriptor: int) -> None:
    """Ends or cuts off what a killed writer left behind the last line feed."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == _END:
        return
    content = path.read_bytes()
    start = content.rfind(_END) + 1
    rest = content[start:]
    if _object(rest) is None:
        logging.warning("%s: cut off a last line that a killed run left unfinished: %s", path, _shown(rest))
        os.ftruncate(descriptor, start)
    else:
        logging.warning("%s: ended a last line that a killed run left whole but without its end", path)
        _write_all(descriptor, _END)


def _object(line: bytes) -> dict[str, Any] | None:
    """Returns the object that a line holds, or `None`; no beginning of an object's text is an object itself."""
    try:
        value = json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None


def _shown(line: bytes) -> str:
    text = line[:_SHOWN_BYTES].decode(errors="replace")
    return f"{text!r}{'' if len(line) <= _SHOWN_BYTES else ' ...'} ({len(line)} bytes)"


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _flush_name(path: pathlib.Path) -> None:
    """Makes a new file's name outlive a loss of power."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
