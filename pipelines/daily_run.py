"""Does every day of a log that is not done yet: asks yesterday's model, trains it on, and publishes it.

    python -m pipelines.daily_run --interactions_dir=log --schema=schema.json --candidates=items.parquet \\
        --state_dir=state --export_dir=served/shop --config=movielens_100k

A day goes through the same stages in the same order: its data are checked and prepared, the model of the day before
is asked for each of its interactions, then trained on them, tried, exported, published by one rename, and reported
beside the days before. What the first day lacks is a model before it; it is trained afresh.

Killed at any moment and started again, it goes on where it was and ends with the same versions and weights; a day
that is done is not done again. A day whose data or whose model are refused ends the run with a sentence, nothing of
it is published, and later days are not begun. `--skip_date` goes on without a day, `--backfill_from` does a day and
all later ones again, `--dry_run` says what would be done.
"""

import dataclasses
import datetime
import pathlib
import shutil
from collections.abc import Sequence

from absl import app, flags, logging

from pipelines import (
    directory_lock,
    export_flags,
    job,
    prepare_data,
    run_ledger,
    training_flags,
    warm_start_flags,
)
from pipelines.daily import (
    backfill,
    daily_flags,
    day_plan,
    day_record,
    day_retention,
    day_run,
    partitions,
    served_days,
    trend_report,
)
from pipelines.daily.daily_config import DailyRunConfig
from pipelines.daily.daily_flags import config_from_flags
from pipelines.daily.day_plan import PlannedDay
from pipelines.daily.day_record import DayRecord
from pipelines.daily.partition_digests import PartitionDigests
from pipelines.daily.stage_lines import StageLines
from pipelines.daily.state_paths import StatePaths

for _module in (prepare_data, training_flags, warm_start_flags, export_flags, daily_flags):
    for _flag in flags.FLAGS.get_key_flags_for_module(_module):
        if _flag.name not in daily_flags.NOT_GIVEN:
            flags.declare_key_flag(_flag.name)


@dataclasses.dataclass(frozen=True)
class DailyRunResult:
    """What was done.

    Attributes:
      planned: the days that were to be done.
      records: of the days that were done, in order; none after `--dry_run`.
    """

    planned: tuple[PlannedDay, ...]
    records: tuple[DayRecord, ...]


def run(config: DailyRunConfig) -> DailyRunResult:
    """Does the days that are to be done.

    Raises:
      ArtifactError: if another run works in the state or the export directory.
      PartitionError, DayPlanError, BackfillError, ServedDaysError: if the log or what is asked for does not go
        together with what was done.
      ValueError: the sentence of the stage that refused a day.
    """
    if config.dry_run:
        return _dry_run(config)
    paths = StatePaths(config.state_dir)
    export_dir = pathlib.Path(config.export.export_dir)
    with (
        directory_lock.hold(export_dir, "export_dir", "publishing"),
        directory_lock.hold(paths.directory, "state_dir"),
    ):
        return _Run(config, paths).run()


class _Run:
    """A run that holds the locks."""

    def __init__(self, config: DailyRunConfig, paths: StatePaths):
        self._config = config
        self._paths = paths
        self._lines = StageLines(run_ledger.RunLedger(paths.ledger))
        self._digests = PartitionDigests(paths.digests)
        self._partitions = partitions.find(config.interactions_dir, config.slice_days)
        self._runner = day_run.DayRunner(config, self._partitions, self._digests, self._lines, self._write_report)
        self._records: dict[datetime.date, DayRecord] = {}
        self._backfill: backfill.Backfill | None = None

    def run(self) -> DailyRunResult:
        """Does the days that are to be done, in order."""
        config, paths = self._config, self._paths
        _remove_half_written(paths)
        records = served_days.note_withdrawn(config.export.export_dir, paths, day_record.read_all(paths))
        self._backfill = backfill.wanted(config.backfill_from, paths, records, _dates(self._partitions))
        if self._backfill is not None:
            backfill.begin(self._backfill, paths, records)
        else:
            served_days.require_served(config.export.export_dir, records)
        self._records = day_record.read_all(paths)
        day_plan.require_unchanged(self._partitions, self._records, self._digests)
        self._digests.save()
        planned = day_plan.plan(config, self._partitions, self._records)
        if not planned:
            logging.info("Every day up to %s is done", max(self._records, default="now"))
        done = [self._do(day) for day in planned]
        self._end_backfill()
        if not self._paths.backfill.exists():
            # What was passed over may be what serves.
            served_days.require_served(config.export.export_dir, self._records)
        return DailyRunResult(tuple(planned), tuple(self._records[each.date] for each in done))

    def _end_backfill(self) -> None:
        """Publishes the newest model of a back-fill that has come to its end, unless it serves."""
        if self._backfill is None or not backfill.is_done(self._backfill, self._records):
            return
        accepted = max((date for date, record in self._records.items() if record.is_accepted), default=None)
        if accepted is not None and not served_days.serves(self._config.export.export_dir, self._records[accepted]):
            partition = backfill.partition_of(accepted, self._partitions)
            self._records[accepted].reopened().write(self._paths.day(accepted))
            self._train(partition, publishes=True)
        self._paths.backfill.unlink(missing_ok=True)

    def _do(self, day: PlannedDay) -> DayRecord:
        if day.action != day_plan.TRAIN:
            self._records[day.date] = day_run.pass_over(day, self._paths, self._lines)
            return self._records[day.date]
        # During a back-fill what is served never goes back to a day before the one that is served.
        served = self._backfill.served if self._backfill else None
        return self._train(day.partition, publishes=served is None or day.date >= served)

    def _train(self, partition: partitions.Partition, publishes: bool) -> DayRecord:
        record = self._runner.run(partition, self._records, publishes)
        self._records[partition.date] = record
        self._digests.save()
        day_retention.remove_old(self._paths, self._records, self._config.keep_days, self._config.export.export_dir)
        return record

    def _write_report(self, record: DayRecord) -> None:
        records = [each for _, each in sorted({**self._records, record.date: record}.items())]
        trend_report.write(records, self._lines.entries(), self._paths.day(record.date).report)


def _dates(found: Sequence[partitions.Partition]) -> set[datetime.date]:
    return {each.date for each in found if each.paths}


def _remove_half_written(paths: StatePaths) -> None:
    """Removes what killed runs left under the names that things have until they are whole, or while they go."""
    for folder in (paths.directory, paths.days, *paths.days.glob("[0-9]*")):
        for leftover in folder.glob(".*.tmp-*"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _dry_run(config: DailyRunConfig) -> DailyRunResult:
    """Prints what would be done; nothing is written, and another run may be working."""
    paths = StatePaths(config.state_dir)
    records = day_record.read_all(paths)
    for date in served_days.withdrawn_dates(config.export.export_dir, records):
        records[date] = dataclasses.replace(records[date], outcome=day_record.WITHDRAWN)
    found = partitions.find(config.interactions_dir, config.slice_days)
    again = backfill.wanted(config.backfill_from, paths, records, _dates(found))
    if again is None:
        served_days.require_served(config.export.export_dir, records)
    elif not again.is_reset:
        records = {date: record for date, record in records.items() if date < again.begin}
    day_plan.require_unchanged(found, records, PartitionDigests(paths.digests))
    planned = day_plan.plan(config, found, records)
    for day in planned:
        begun = ", ".join(records[day.date].stages) if day.date in records else ""
        print(f"{day.date}: {day.action}{f' (done before: {begun})' if begun else ''}")
    if not planned:
        print("Every day is done.")
    return DailyRunResult(tuple(planned), ())


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["interactions_dir", "state_dir", "export_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
