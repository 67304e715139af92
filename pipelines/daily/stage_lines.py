"""The stages of days in the ledger and in the log: one line when a stage begins, one when it ends, whatever its end."""

import contextlib
import datetime
import time
from collections.abc import Iterator

from absl import logging

from pipelines import job, json_line_file, run_ledger, stage_log


class StageLines:
    """Writes the lines of one run.

    Args:
      ledger: where they go.
    """

    def __init__(self, ledger: run_ledger.RunLedger):
        self._ledger = ledger
        self._run_id = run_ledger.new_run_id()

    @contextlib.contextmanager
    def stage(
        self, date: datetime.date | None, name: str, data_sha256: str | None = None
    ) -> Iterator[dict[str, object]]:
        """Writes that a stage begins, and how it ended.

        Args:
          date: of the day; `None` for what concerns none.
          name: of the stage.
          data_sha256: of the day's content.

        Yields:
          What the block puts into it goes into the closing line: fields of `run_ledger.Entry`.
        """
        known = {"data_sha256": data_sha256}
        started, started_utc = time.monotonic(), run_ledger.utc_now()
        self._append(date, name, run_ledger.BEGUN, started_utc, 0.0, known)
        found: dict[str, object] = {}
        labels = {"date": date.isoformat()} if date else {}
        try:
            with stage_log.labelled(**labels), job.stage(f"{date}: {name}" if date else name):
                yield found
        except BaseException as error:
            failed = {"sentence": job.sentence_of(error) or type(error).__name__}
            seconds = time.monotonic() - started
            self._append(date, name, job.outcome_of(error), started_utc, seconds, known | failed)
            raise
        self._append(date, name, run_ledger.DONE, started_utc, time.monotonic() - started, known | found)

    def entries(self) -> list[run_ledger.Entry]:
        """Returns all lines of the ledger; none if one of them cannot be read, which is no reason to stop a day."""
        try:
            return self._ledger.entries()
        except (run_ledger.LedgerError, json_line_file.JsonLineError) as error:
            logging.warning("%s The report says nothing of how long stages took.", error)
            return []

    def say(self, date: datetime.date, name: str, outcome: str, sentence: str | None = None) -> None:
        """Writes what became of a day, or of a stage, without anything to do."""
        self._append(date, name, outcome, run_ledger.utc_now(), 0.0, {"sentence": sentence})

    def _append(
        self, date: datetime.date | None, name: str, outcome: str, started_utc: str, seconds: float, known: dict
    ) -> None:
        self._ledger.append(
            run_ledger.Entry(
                self._run_id, date and date.isoformat(), name, outcome, started_utc, round(seconds, 3), **known
            )
        )
