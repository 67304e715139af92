"""What ran, on which data, and which version came out: a file that only grows, one JSON line a stage of a run.

ledger = run_ledger.RunLedger(state_dir / "ledger.jsonl")
ledger.append(run_ledger.Entry(run_id, "2026-11-01", "train", "done", started_utc, 61.2, model_stamp=stamp))

A line is never changed. A stage that is begun and has no later line of the same run was killed.
"""

import dataclasses
import datetime
import math
import os
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any

from absl import logging

from pipelines import json_line_file

# What became of a stage; `docs/operations.md` says what to do after each.
BEGUN = "begun"
DONE = "done"
KEPT = "kept"
NO_DATA = "no_data"
SKIPPED = "skipped"
REFUSED = "refused"
FAILED = "failed"
INTERRUPTED = "interrupted"
OUTCOMES = (BEGUN, DONE, KEPT, NO_DATA, SKIPPED, REFUSED, FAILED, INTERRUPTED)


class LedgerError(ValueError):
    """An entry of a ledger breaks a rule; the message names the line and the rule."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What is known of one stage when its line is written.

    Attributes:
      run_id: of the process, so that the lines of one run can be told from those of another.
      date: first day of the slice, YYYY-MM-DD; `None` for what concerns no slice, such as a rollback.
      stage: what was done, such as `train`.
      outcome: one of `OUTCOMES`.
      started_utc: ISO 8601 with seconds and `Z`.
      seconds: wall clock until the line was written, >= 0; 0 where the stage has just begun.
      data_sha256: of the slice's content, 64 hexadecimal digits.
      model_stamp: of the model that the stage read or made.
      version: number of the version that was published, or that serves after a rollback, >= 1.
      sentence: of a refusal or a failure, or why a slice was skipped.
      figures: counts and metrics by name.
    """

    run_id: str
    date: str | None
    stage: str
    outcome: str
    started_utc: str
    seconds: float = 0.0
    data_sha256: str | None = None
    model_stamp: str | None = None
    version: int | None = None
    sentence: str | None = None
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("run_id", "stage"):
            self._require(name, _is_text(getattr(self, name)), "text that is not empty")
        self._require("date", self.date is None or _is_date(self.date), "YYYY-MM-DD or null")
        self._require("outcome", self.outcome in OUTCOMES, f"one of {', '.join(OUTCOMES)}")
        self._require("started_utc", _is_moment(self.started_utc), "such as 2026-11-01T04:00:00Z")
        is_number = isinstance(self.seconds, int | float) and not isinstance(self.seconds, bool)
        self._require("seconds", is_number and math.isfinite(self.seconds) and self.seconds >= 0, "at least 0")
        for name in ("data_sha256", "model_stamp", "sentence"):
            value = getattr(self, name)
            self._require(name, value is None or _is_text(value), "text that is not empty, or null")
        is_version = isinstance(self.version, int) and not isinstance(self.version, bool) and self.version >= 1
        self._require("version", self.version is None or is_version, "a whole number from 1 on, or null")
        self._require("figures", isinstance(self.figures, Mapping), "an object")

    def _require(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            raise LedgerError(f"An entry's {name} must be {rule}, but is {getattr(self, name)!r}.")


_NAMES = tuple(field.name for field in dataclasses.fields(Entry))
# What an entry cannot be without; whatever is added has a default.
_NEEDED = ("run_id", "date", "stage", "outcome", "started_utc")


class RunLedger:
    """A ledger in a file.

    Args:
      path: of the file; its directory must exist when the first entry is appended.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = pathlib.Path(path)

    def append(self, entry: Entry) -> None:
        """Writes an entry behind all others; it is on disk when this returns."""
        json_line_file.append(self.path, dataclasses.asdict(entry))

    def entries(self) -> list[Entry]:
        """Returns all entries, oldest first; a line that a kill cut short at the end is left out with a warning.

        A line of a later version of the code is read without the fields that this one does not know, and one of an
        earlier version with the defaults of those that it lacks, so that neither keeps the other from its work.

        Raises:
          JsonLineError: if a line is no JSON object.
          LedgerError: if one is no entry.
        """
        lines = json_line_file.read(self.path)
        if unknown := sorted({name for raw in lines for name in raw} - set(_NAMES)):
            logging.warning("%s: fields of another version are not read: %s", self.path, ", ".join(unknown))
        return [self._entry(number, raw) for number, raw in enumerate(lines, start=1)]

    def _entry(self, number: int, raw: dict[str, Any]) -> Entry:
        try:
            for name in _NEEDED:
                if name not in raw:
                    raise LedgerError(f"An entry must say its {name}, but this one does not.")
            return Entry(**{name: raw[name] for name in _NAMES if name in raw})
        except LedgerError as error:
            raise LedgerError(
                f"{self.path}: entry {number}: {error} Take that line out, or move the file aside: the next run "
                "begins another."
            ) from error


def new_run_id() -> str:
    """Returns 12 hexadecimal digits that no other run has."""
    return uuid.uuid4().hex[:12]


def utc_now() -> str:
    """Returns the moment as an entry has it, such as `2026-11-01T04:00:00Z`."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_date(value: object) -> bool:
    return _parses(datetime.date.fromisoformat, value) and len(value) == len("2026-11-01")


def _is_moment(value: object) -> bool:
    return _parses(lambda text: datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"), value)


def _parses(parse, value: object) -> bool:
    try:
        parse(value)
    except (TypeError, ValueError):
        return False
    return True
