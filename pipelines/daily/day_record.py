"""What became of a day, stage by stage: one JSON file a day, which holds no clock and no path.

So a run that was killed and begun again ends with the bytes that it would have had undisturbed.
"""

import dataclasses
import datetime
import pathlib
from collections.abc import Mapping
from typing import Any

from pipelines import artifacts
from pipelines.daily.state_paths import DayPaths, StatePaths

FORMAT_VERSION = 1

# What becomes of a day. The model of a published one serves, or served; that of a trained one was not published since
# a later day's serves already; what was published and taken back is withdrawn.
PUBLISHED, TRAINED, NO_DATA, SKIPPED, WITHDRAWN = "published", "trained", "no_data", "skipped", "withdrawn"
_LAST_STAGE = "report"


class DayRecordError(ValueError):
    """A record cannot be read by this version; the message names it."""


@dataclasses.dataclass(frozen=True)
class DayRecord:
    """What is known of a day.

    Attributes:
      date: its first day.
      origin: all that shapes its data and its model; what was made of another origin is made again.
      data_sha256: of its files, `None` where it has none.
      stages: what each finished stage found, in the order of the stages.
      outcome: `None` while nothing is decided.
    """

    date: datetime.date
    origin: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data_sha256: str | None = None
    stages: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    outcome: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do for the day."""
        return self.outcome in (NO_DATA, SKIPPED, WITHDRAWN) or _LAST_STAGE in self.stages

    @property
    def is_accepted(self) -> bool:
        """Whether later days go on from its model."""
        return self.outcome in (PUBLISHED, TRAINED)

    @property
    def model_stamp(self) -> str | None:
        """Of its model, if there is one."""
        return self.stages.get("train", {}).get("model_stamp")

    @property
    def model(self) -> tuple[str, str] | None:
        """Stamp and best checkpoint of its model, if there is one: more epochs of the same run are another model."""
        found = self.stages.get("train", {})
        return (found["model_stamp"], found["best_checkpoint"]) if found else None

    @property
    def version(self) -> int | None:
        """Number of the version that was published of it, if one was."""
        return self.stages.get("publish", {}).get("version")

    def with_stage(self, name: str, found: Mapping[str, Any], outcome: str | None = None) -> "DayRecord":
        """Returns the record with one stage more, and with what is decided by it."""
        return dataclasses.replace(self, stages={**self.stages, name: found}, outcome=outcome or self.outcome)

    def reopened(self) -> "DayRecord":
        """Returns the record as it was before its model could be published."""
        stages = {name: found for name, found in self.stages.items() if name not in ("publish", _LAST_STAGE)}
        return dataclasses.replace(self, stages=stages, outcome=None)

    def write(self, paths: DayPaths) -> None:
        """Writes the record whole, and makes the day's folder if need be."""
        paths.directory.mkdir(parents=True, exist_ok=True)
        content = dataclasses.asdict(self) | {"date": self.date.isoformat()}
        artifacts.write_json(paths.record, {"format_version": FORMAT_VERSION, **content})


def read(paths: DayPaths) -> DayRecord | None:
    """Returns the record of a day, or `None` if it was not begun.

    Raises:
      ArtifactError: if it is damaged.
      DayRecordError: if it is of another version.
    """
    if not paths.record.exists():
        return None
    content = artifacts.read_json(paths.record)
    version = content.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise DayRecordError(
            f"{paths.record} has format_version {version!r}, but this version reads {FORMAT_VERSION}; begin again in "
            "another --state_dir."
        )
    return DayRecord(**content | {"date": datetime.date.fromisoformat(content["date"])})


def read_all(paths: StatePaths) -> dict[datetime.date, DayRecord]:
    """Returns the records of all days that were begun, in order.

    Raises:
      ArtifactError, DayRecordError: if one cannot be read.
    """
    dates = sorted(_date(each) for each in paths.days.glob("[!.]*")) if paths.days.is_dir() else []
    found = {date: read(paths.day(date)) for date in dates}
    return {date: record for date, record in found.items() if record is not None}


def _date(directory: pathlib.Path) -> datetime.date:
    try:
        return datetime.date.fromisoformat(directory.name)
    except ValueError as error:
        raise DayRecordError(f"{directory} must be named for its date, but is not; move it out of there.") from error
