"""What the engine refuses, as sentences that name the flag, the file, the line and the remedy."""

import contextlib
import csv
import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterator, Sequence

import duckdb

from pipelines.preparation.errors import EngineStoppedError, PreparationError

_QUOTED_CHARACTERS = 80
_SAID_CHARACTERS = 300

# The last mention, since the quoted rows before it may hold anything.
_FILE = re.compile(r".*\n  file = (?P<path>[^\n]*)\n  delimiter = ", re.DOTALL)
_RECORD = re.compile(r"CSV Error on Line: (?P<record>[0-9]+)\n")
_FIELDS = re.compile(r"Expected Number of Columns: (?P<expected>[0-9]+) Found: (?P<found>[0-9]+)")
_TOO_LONG = re.compile(r"Maximum line size of (?P<limit>[0-9]+) bytes exceeded")

# The engine's advice after these marks is about its own options, not ours.
_ADVICE = ("Possible fixes", "Possible solutions", "Possible Solution", "See also")


@dataclasses.dataclass(frozen=True)
class CsvFlag:
    """How a CSV file was named on the command line.

    Attributes:
      path: as the flag named it; the engine makes it absolute.
      role: the flag's name.
      delimiter: between its fields.
    """

    path: pathlib.Path
    role: str
    delimiter: str


@contextlib.contextmanager
def readable_errors(doing: str, csv_flags: Sequence[CsvFlag]) -> Iterator[None]:
    """Turns an error of the engine into one sentence.

    Args:
      doing: what the engine does in the block, such as `counting`.
      csv_flags: the CSV files that may be read.

    Raises:
      EngineStoppedError: if memory or disk ran out.
      PreparationError: for whatever else the engine refuses.
    """
    try:
        yield
    except duckdb.Error as error:
        flag = _flag_of(str(error), csv_flags)
        sentence = _csv_sentence(str(error), flag) if flag else _general_sentence(error, doing)
        is_stopped = not flag and isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException)
        raise (EngineStoppedError if is_stopped else PreparationError)(sentence) from error


def _flag_of(said: str, csv_flags: Sequence[CsvFlag]) -> CsvFlag | None:
    file = _FILE.match(said)
    found = (flag for flag in csv_flags if file and flag.path.resolve() == pathlib.Path(file["path"]).resolve())
    return next(found, None)


def _csv_sentence(said: str, flag: CsvFlag) -> str:
    where = f"--{flag.role}={flag.path}"
    record = _RECORD.search(said)
    if record is None:
        return (
            f"{where} is no well-formed CSV file ({_without_advice(said)}); mend its quotes and line ends, "
            "or set --csv_delimiter."
        )
    line, text = _physical_line(flag, int(record["record"]))
    quoted = f": {text!r}" if text else ""
    return f"{where}: line {line:,} {_cause(said)}{quoted}; mend that line, or set --csv_delimiter."


def _cause(said: str) -> str:
    # Its last line only, since the quoted row before it may hold anything.
    complaint = said[: said.rfind("\n  file = ")].rsplit("\nPossible ", 1)[0].rstrip().splitlines()[-1]
    if fields := _FIELDS.match(complaint):
        return f"has a row of {fields['found']} fields under a header of {fields['expected']}"
    if too_long := _TOO_LONG.match(complaint):
        return f"is longer than {int(too_long['limit']):,} bytes, perhaps after a quote that is never closed"
    if "unterminated quote" in complaint:
        return "has a quote that is not closed before a delimiter or the end of the line"
    return f"cannot be read ({_shortened(complaint)})"


def _physical_line(flag: CsvFlag, record: int) -> tuple[int, str]:
    """Returns number and text of the line where a record starts.

    The engine counts records, and where a quoted field holds line ends a
    record has several lines. What it quotes may be another row of its buffer.
    """
    try:
        with flag.path.open(encoding="utf-8", newline="") as file:
            records = csv.reader(file, delimiter=flag.delimiter)
            for _ in itertools.islice(records, record - 1):
                pass
            return records.line_num + 1, _shortened(next(file, "").strip("\r\n"))
    except csv.Error:
        return record, ""  # A field before it is too long for Python's reader.


def _general_sentence(error: duckdb.Error, doing: str) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        remedy = "raise --engine_memory_limit, or free memory and disk space"
    elif isinstance(error, duckdb.IOException):
        remedy = "check that the disk has space and that the files can be read and written"
    else:
        remedy = "check that the source files are whole and write them again if not"
    return f"The engine failed while {doing}: {_without_advice(str(error))}; {remedy}."


def _without_advice(said: str) -> str:
    for mark in _ADVICE:
        said = said.split(mark)[0]
    return _shortened(" ".join(said.split()).removeprefix("Invalid Input Error: ").rstrip("."), _SAID_CHARACTERS)


def _shortened(text: str, length: int = _QUOTED_CHARACTERS) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
