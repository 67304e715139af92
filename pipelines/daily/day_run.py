"""One day from its first stage to its last, or from where a killed run left it."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
from absl import logging

from pipelines import publishing, run_ledger
from pipelines.daily import day_origin, day_plan, day_record, day_stages
from pipelines.daily.daily_config import DailyRunConfig
from pipelines.daily.day_plan import PlannedDay
from pipelines.daily.day_record import DayRecord
from pipelines.daily.partition_digests import PartitionDigests
from pipelines.daily.partitions import Partition
from pipelines.daily.stage_lines import StageLines
from pipelines.daily.state_paths import StatePaths

Records = Mapping[datetime.date, DayRecord]


def pass_over(day: PlannedDay, paths: StatePaths, lines: StageLines) -> DayRecord:
    """Notes that a day is skipped, or that there is no partition of it; what was begun of it is removed."""
    _discard(day.date, paths)
    skips = day.action == day_plan.SKIP
    record = DayRecord(day.date, outcome=day_record.SKIPPED if skips else day_record.NO_DATA)
    sentence = "--skip_date" if skips else "There is no partition, though there is one of a later date."
    lines.say(day.date, "day", run_ledger.SKIPPED if skips else run_ledger.NO_DATA, sentence)
    logging.warning("%s: passed over: %s", day.date, sentence)
    record.write(paths.day(day.date))
    return record


def base_of(date: datetime.date, records: Records) -> DayRecord | None:
    """Returns the day whose model a day is trained on from: the last accepted one before it, if there is one."""
    accepted = [each for each, record in records.items() if each < date and record.is_accepted]
    return records[max(accepted)] if accepted else None


@dataclasses.dataclass(frozen=True)
class DayRunner:
    """Does days, one after another.

    Attributes:
      config: options of the run.
      partitions: of the log, in order.
      digests: of their content.
      lines: where stages are told of.
      write_report: writes the report of a day.
    """

    config: DailyRunConfig
    partitions: Sequence[Partition]
    digests: PartitionDigests
    lines: StageLines
    write_report: Callable[[DayRecord], None]

    def run(self, partition: Partition, records: Records, publishes: bool) -> DayRecord:
        """Does what is left of a day's stages, and returns its record.

        Args:
          partition: the day.
          records: of all days that were begun.
          publishes: whether its model is published.

        Raises:
          ValueError: the sentence of the stage that refused the day; what the stages before it made is kept.
        """
        # Layers number their names in a process; a day has the same whether it is the first of a run or not.
        tf.keras.backend.clear_session()
        paths = StatePaths(self.config.state_dir)
        usable = day_plan.usable_before(partition.date, self.partitions, records)
        window = day_plan.window(self.config, partition.date, usable)
        before = base_of(partition.date, records)
        origin = day_origin.origin_of(self.config, partition, window, before, self.digests)
        record = _begun(partition, origin, paths)
        work = day_stages.DayWork(
            self.config,
            partition,
            window,
            usable,
            before,
            publishes,
            self.write_report,
            _num_outside(records),
            min(records, default=None),
        )
        for name in day_stages.NAMES:
            if record.is_finished:
                break
            if name in record.stages:
                self.lines.say(partition.date, name, run_ledger.KEPT)
                continue
            with self.lines.stage(partition.date, name, record.data_sha256) as entry:
                record = work.run(name, record)
                record.write(work.paths)
                entry.update(_told(name, record))
        if record.outcome == day_record.NO_DATA:
            self.lines.say(partition.date, "day", run_ledger.NO_DATA, "The partition has no rows.")
            logging.warning("%s: the partition has no rows; what serves goes on serving", partition.date)
        return record


def _num_outside(records: Records) -> dict[str, int]:
    """Returns by date how many interactions of other dates the check of each day let through that was checked."""
    checks = {date.isoformat(): record.stages.get("check", {}) for date, record in records.items()}
    return {date: found["num_outside"] for date, found in checks.items() if "num_outside" in found}


def _begun(partition: Partition, origin: dict, paths: StatePaths) -> DayRecord:
    """Returns the record of a day that was begun with this origin, or begins it."""
    found = day_record.read(paths.day(partition.date))
    if found is not None and (found.origin == origin or found.outcome is not None):
        return found
    _discard(partition.date, paths)
    record = DayRecord(partition.date, origin, origin["data_sha256"])
    record.write(paths.day(partition.date))
    return record


def _discard(date: datetime.date, paths: StatePaths) -> None:
    directory = paths.day(date).directory
    publishing.sweep(directory)
    if directory.exists():
        logging.info("%s: what was begun of it is of other data, options or code and is removed", date)
        publishing.remove_directory(directory)


def _told(name: str, record: DayRecord) -> dict:
    """Returns what the ledger says of a stage besides its time."""
    told = {"figures": _figures(name, record.stages[name])}
    if name in ("train", "gate", "publish"):
        told["model_stamp"] = record.model_stamp
    return told | {"version": record.version} if name == "publish" else told


def _figures(name: str, found: Mapping) -> dict:
    if name == "evaluate" and "model" in found:
        return {f"{who}_{metric}": found[who][metric] for who in ("model", "popularity") for metric in found[who]}
    return {key: value for key, value in found.items() if isinstance(value, int | float | str)}
