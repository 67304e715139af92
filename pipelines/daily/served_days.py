"""Which days' models serve: a version that was taken back takes its day back."""

import dataclasses
import datetime
import os
from collections.abc import Mapping

from absl import logging

from pipelines import export_versions
from pipelines.daily import day_record
from pipelines.daily.day_record import DayRecord
from pipelines.daily.state_paths import StatePaths

_PASSED_OVER = (day_record.NO_DATA, day_record.SKIPPED, day_record.WITHDRAWN)


class ServedDaysError(ValueError):
    """The versions are not those of the days."""


def note_withdrawn(
    export_dir: str | os.PathLike[str], paths: StatePaths, records: Mapping[datetime.date, DayRecord]
) -> dict[datetime.date, DayRecord]:
    """Returns the records with those days withdrawn whose versions were taken back, and writes these.

    Raises:
      ServedDaysError: if days were published, but no version is there.
    """
    found = dict(records)
    for date in withdrawn_dates(export_dir, records):
        logging.warning("%s: version %s was taken back; later days do without it", date, records[date].version)
        found[date] = dataclasses.replace(records[date], outcome=day_record.WITHDRAWN)
        found[date].write(paths.day(date))
    return found


def withdrawn_dates(
    export_dir: str | os.PathLike[str], records: Mapping[datetime.date, DayRecord]
) -> list[datetime.date]:
    """Returns the dates whose versions were taken back since, and of a back-fill that ended in one the days before it.

    Raises:
      ServedDaysError: if days were published, but no version is there.
    """
    published = [date for date, record in records.items() if record.outcome == day_record.PUBLISHED]
    newest = export_versions.newest(export_dir)
    if published and newest is None:
        raise ServedDaysError(
            f"--export_dir={export_dir} holds no version, but {published[-1]} was published; name the directory that "
            "it was published to."
        )
    taken_back = set(export_versions.withdrawn_numbers(export_dir))
    withdrawn: list[datetime.date] = []
    belongs_to_withdrawn = False
    for date, record in sorted(records.items(), reverse=True):
        if record.outcome == day_record.PUBLISHED:
            belongs_to_withdrawn = record.version in taken_back or record.version > newest
        if record.outcome not in (None, *_PASSED_OVER) and belongs_to_withdrawn:
            withdrawn.append(date)
    return sorted(withdrawn)
