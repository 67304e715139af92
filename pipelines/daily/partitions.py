"""The partitions of a log: one Parquet file, or one folder of them, for each date.

    log/2026-11-01.parquet
    log/date=2026-11-02/part-0.parquet

A name that begins with `_` or `.` is a writer's own, such as `_SUCCESS`, and is no data.
"""

import dataclasses
import datetime
import itertools
import os
import pathlib
import re
from collections.abc import Sequence

import pyarrow.parquet as pq

from pipelines.preparation.source_formats import parquet_files

_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
_NAME = re.compile(rf"(date=)?{_DATE}(\.parquet)?")
_ROLE = "interactions_dir"
_UNFINISHED = "_temporary"
_EPOCH = datetime.date(1970, 1, 1)
MICROSECONDS_PER_DAY = 86_400_000_000


class PartitionError(ValueError):
    """A partition is not there, not whole, or there twice; the message names it and the remedy."""


@dataclasses.dataclass(frozen=True)
class Partition:
    """The interactions of one date, or of several days from it on.

    Attributes:
      date: its first day, UTC.
      paths: Parquet files, sorted; none where a folder holds no data.
      num_days: how many days it is of, >= 1.
    """

    date: datetime.date
    paths: tuple[pathlib.Path, ...]
    num_days: int = 1

    @property
    def begin(self) -> int:
        """The first moment that belongs to it, microseconds since 1970 UTC."""
        return (self.date - _EPOCH).days * MICROSECONDS_PER_DAY

    @property
    def microseconds(self) -> int:
        """How long it is."""
        return self.num_days * MICROSECONDS_PER_DAY

    @property
    def end(self) -> int:
        """The first moment after it."""
        return self.begin + self.microseconds

    def num_rows(self) -> int:
        """Returns how many rows its files hold, read from their footers.

        Raises:
          PreparationError: if a file is no complete Parquet file.
        """
        for path in self.paths:
            parquet_files.columns(_ROLE, path)
        return sum(pq.read_metadata(path).num_rows for path in self.paths)


def find(interactions_dir: str | os.PathLike[str], num_days: int = 1) -> list[Partition]:
    """Returns the partitions of a log in order of their dates.

    Args:
      interactions_dir: directory of the log.
      num_days: how many days each partition is of.

    Raises:
      PartitionError: if there is no such directory, a name is no date, a date is there twice, a folder is still being
        written, or two partitions overlap.
    """
    directory = pathlib.Path(interactions_dir)
    if not directory.is_dir():
        raise PartitionError(
            f"--interactions_dir={interactions_dir} must be a directory of partitions, but there is none; correct it."
        )
    found: dict[datetime.date, pathlib.Path] = {}
    for path in sorted(directory.iterdir()):
        if _is_data(path):
            date = _date(path)
            if date in found:
                raise PartitionError(f"{found[date]} and {path} are both of {date}; keep one of them.")
            found[date] = path
    partitions = [Partition(date, _files(path), num_days) for date, path in sorted(found.items())]
    _require_apart(partitions)
    return partitions


def _is_data(path: pathlib.Path) -> bool:
    return not path.name.startswith(("_", "."))


def _date(path: pathlib.Path) -> datetime.date:
    match = _NAME.fullmatch(path.name)
    try:
        # A file needs its suffix, and a folder has none.
        if match is not None and path.is_dir() != (path.suffix == ".parquet"):
            return datetime.date.fromisoformat(match["date"])
    except ValueError:
        pass  # Such as 2026-02-30.
    raise PartitionError(
        f"{path} must be named for its date, as YYYY-MM-DD.parquet or as a folder date=YYYY-MM-DD, but is not; rename "
        "it, or move it out of --interactions_dir."
    )


def _files(path: pathlib.Path) -> tuple[pathlib.Path, ...]:
    if path.is_file():
        return (path,)
    if (path / _UNFINISHED).exists():
        raise PartitionError(f"{path} is still being written, as it holds {_UNFINISHED}; wait, or write it again.")
    return tuple(sorted(each for each in path.glob("*.parquet") if _is_data(each)))


def _require_apart(partitions: Sequence[Partition]) -> None:
    for one, other in itertools.pairwise(partitions):
        if other.begin < one.end:
            raise PartitionError(
                f"The partitions of {one.date} and {other.date} overlap, as each is of --slice_days={one.num_days}; "
                "correct --slice_days."
            )
