"""Where the state of daily runs lives: what was made of each day, and what ran."""

import dataclasses
import datetime
import os
import pathlib


@dataclasses.dataclass(frozen=True)
class DayPaths:
    """Paths of one day.

    Attributes:
      directory: of the day.
    """

    directory: pathlib.Path

    @property
    def record(self) -> pathlib.Path:
        """JSON: what the day was begun with, what its stages found and what became of it."""
        return self.directory / "day.json"

    @property
    def prepared(self) -> pathlib.Path:
        """What `prepare_data` published of the day and the days before it."""
        return self.directory / "prepared"

    @property
    def model(self) -> pathlib.Path:
        """The model that was trained on from the day before."""
        return self.directory / "model"

    @property
    def work(self) -> pathlib.Path:
        """Rows that do not fit into memory while the day is checked, and files without rows of other dates."""
        return self.directory / "work"

    @property
    def report(self) -> pathlib.Path:
        """The day beside the days before it, as a page."""
        return self.directory / "report.html"


@dataclasses.dataclass(frozen=True)
class StatePaths:
    """Paths inside a state directory.

    Attributes:
      directory: `--state_dir`.
    """

    directory: pathlib.Path

    def __init__(self, directory: str | os.PathLike[str]):
        object.__setattr__(self, "directory", pathlib.Path(directory))

    @property
    def days(self) -> pathlib.Path:
        """One folder a day, named for its date."""
        return self.directory / "days"

    @property
    def ledger(self) -> pathlib.Path:
        """JSON lines: every stage of every run."""
        return self.directory / "ledger.jsonl"

    @property
    def digests(self) -> pathlib.Path:
        """JSON: the SHA-256 of files of the log that have not changed since they were read."""
        return self.directory / "digests.json"

    @property
    def backfill(self) -> pathlib.Path:
        """JSON: the back-fill that is under way, if there is one."""
        return self.directory / "backfill.json"

    def day(self, date: datetime.date) -> DayPaths:
        """Returns the paths of a day."""
        return DayPaths(self.days / date.isoformat())
