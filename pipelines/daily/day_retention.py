"""What is kept of days: records and reports for good, prepared data and models of the newest and of what serves."""

import datetime
import os
from collections.abc import Mapping

from absl import logging

from pipelines import publishing
from pipelines.daily.day_record import DayRecord
from pipelines.daily.served_days import Versions
from pipelines.daily.state_paths import StatePaths


def remove_old(
    paths: StatePaths,
    records: Mapping[datetime.date, DayRecord],
    num_kept: int,
    export_dir: str | os.PathLike[str],
) -> list[datetime.date]:
    """Removes prepared data and models of days before the newest accepted ones.

    Args:
      paths: of the state.
      records: of all days.
      num_kept: how many accepted days are kept, >= 1.
      export_dir: the days of whose models it has versions are kept too, as a rollback goes on from their models.

    Returns:
      The days of which something was removed.
    """
    accepted = sorted(date for date, record in records.items() if record.is_accepted)
    versions = Versions.read(export_dir)
    old = [date for date in records if accepted and date < accepted[-num_kept:][0]]
    removed = [date for date in old if not versions.is_served(records[date]) and _remove(paths, date)]
    if removed:
        logging.info("Removed prepared data and models of %d days up to %s (--keep_days)", len(removed), max(removed))
    return removed


def _remove(paths: StatePaths, date: datetime.date) -> bool:
    found = [each for each in (paths.day(date).prepared, paths.day(date).model) if each.is_dir()]
    for directory in found:
        publishing.remove_directory(directory)
    return bool(found)
