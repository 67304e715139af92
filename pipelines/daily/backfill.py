"""Days that are done again: from a date on, what was made of them is removed once, however often the run is killed."""

import dataclasses
import datetime
import pathlib
from collections.abc import Collection, Mapping

from absl import logging

from pipelines import artifacts, publishing
from pipelines.daily import day_record, partitions
from pipelines.daily.day_record import DayRecord
from pipelines.daily.state_paths import StatePaths


class BackfillError(ValueError):
    """A back-fill cannot begin; the message says why."""


@dataclasses.dataclass(frozen=True)
class Backfill:
    """A back-fill that is under way.

    Attributes:
      begin: the first day that is done again.
      served: the last day whose model was served when it began; models of earlier days are not published, so that
        what is served never goes back. `None` if none was.
      is_reset: whether what was made of these days has been removed.
    """

    begin: datetime.date
    served: datetime.date | None
    is_reset: bool

    def write(self, path: pathlib.Path) -> None:
        """Writes it whole."""
        served = self.served and self.served.isoformat()
        artifacts.write_json(path, {"begin": self.begin.isoformat(), "served": served, "is_reset": self.is_reset})


def read(path: pathlib.Path) -> Backfill | None:
    """Returns the back-fill that is under way, or `None`."""
    if not path.exists():
        return None
    raw = artifacts.read_json(path)
    served = raw["served"] and datetime.date.fromisoformat(raw["served"])
    return Backfill(datetime.date.fromisoformat(raw["begin"]), served, raw["is_reset"])


def wanted(
    date: datetime.date | None,
    paths: StatePaths,
    records: Mapping[datetime.date, DayRecord],
    in_log: Collection[datetime.date],
) -> Backfill | None:
    """Returns the back-fill to go on with: the one under way, or a new one from a date on; writes nothing.

    Args:
      date: the first day to do again; `None` for the back-fill under way, if there is one.
      paths: of the state.
      records: of all days.
      in_log: the days of which the log has data.

    Raises:
      BackfillError: if nothing was done from that date on, one from an earlier date is under way, or a day could not
        be done again.
    """
    under_way = read(paths.backfill)
    if date is None or (under_way and date == under_way.begin):
        return under_way
    if under_way and date > under_way.begin:
        raise BackfillError(
            f"A back-fill from {under_way.begin} is under way and comes to {date} by itself; run again without "
            "--backfill_from."
        )
    if not any(each >= date for each in records):
        raise BackfillError(f"--backfill_from={date} is after all days that were done; leave it out.")
    _require_data(date, records, in_log)
    _require_model_before(date, paths, records)
    published = [each for each, record in records.items() if record.outcome == day_record.PUBLISHED]
    served = max([*published, *([under_way.served] if under_way and under_way.served else [])], default=None)
    return Backfill(date, served, is_reset=False)


def _require_data(
    date: datetime.date, records: Mapping[datetime.date, DayRecord], in_log: Collection[datetime.date]
) -> None:
    gone = [each for each, record in records.items() if each >= date and record.is_accepted and each not in in_log]
    if gone:
        raise BackfillError(
            f"--backfill_from={date} would do {gone[0]} again, whose partition is no longer in the log; put it back, "
            "or name a later date."
        )


def _require_model_before(date: datetime.date, paths: StatePaths, records: Mapping[datetime.date, DayRecord]) -> None:
    before = max((each for each, record in records.items() if each < date and record.is_accepted), default=None)
    if before is not None and not paths.day(before).model.is_dir():
        kept = [each for each, record in records.items() if record.is_accepted and paths.day(each).model.is_dir()]
        raise BackfillError(
            f"--backfill_from={date} would go on from the model of {before}, which is no longer kept (--keep_days); "
            f"name a date after {min(kept, default='that')}, or {min(records)}, the first of all, to train afresh."
        )


def begin(backfill: Backfill, paths: StatePaths, records: Mapping[datetime.date, DayRecord]) -> None:
    """Removes what was made of the days of a back-fill, the newest first, unless that was done before."""
    if backfill.is_reset:
        return
    backfill.write(paths.backfill)
    for date in sorted(records, reverse=True):
        if date >= backfill.begin:
            logging.info("%s: what was made of it is removed, to do it again (--backfill_from)", date)
            publishing.remove_directory(paths.day(date).directory)
    dataclasses.replace(backfill, is_reset=True).write(paths.backfill)


def partition_of(date: datetime.date, found: Collection[partitions.Partition]) -> partitions.Partition:
    """Returns the partition of the day that a back-fill ends in.

    Raises:
      BackfillError: if it is no longer in the log.
    """
    for each in found:
        if each.date == date:
            return each
    raise BackfillError(
        f"The back-fill ends in {date}, whose model is to be published, but its partition is no longer in the log; put "
        "it back, or take the versions above it back with pipelines.rollback."
    )


def is_done(backfill: Backfill, records: Mapping[datetime.date, DayRecord]) -> bool:
    """Returns whether every day up to the one that was served is finished again."""
    return backfill.served is None or (backfill.served in records and records[backfill.served].is_finished)
