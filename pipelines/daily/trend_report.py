"""Writes the page of a day from the records of all days and the ledger, which alone knows how long they took."""

import collections
import pathlib
from collections.abc import Sequence

from pipelines import artifacts, run_ledger
from pipelines.daily.day_record import DayRecord
from pipelines.report import trend_page


def write(records: Sequence[DayRecord], entries: Sequence[run_ledger.Entry], path: pathlib.Path) -> None:
    """Writes the page.

    Args:
      records: of the days, in order; the page is of the last.
      entries: of the ledger.
      path: HTML file to write.
    """
    seconds: collections.Counter[str] = collections.Counter()
    for entry in entries:
        if entry.date is not None:
            seconds[entry.date] += entry.seconds
    days = [
        {
            "date": record.date.isoformat(),
            "outcome": record.outcome,
            "stages": record.stages,
            "seconds": seconds.get(record.date.isoformat()),
        }
        for record in records
    ]
    artifacts.write_text(path, trend_page.render(days))
