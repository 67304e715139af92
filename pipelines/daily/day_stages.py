"""The stages of a day: each finds what those before it left, and returns what is noted of it."""

import contextlib
import dataclasses
import datetime
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import logging

from pipelines import export, model_directory, prepare_data, prepared_data, train
from pipelines.daily import day_checks, day_record, model_gates, rows_inside
from pipelines.daily.base_model import BaseModel
from pipelines.daily.daily_config import DailyRunConfig
from pipelines.daily.day_asking import DayAsking
from pipelines.daily.day_record import DayRecord
from pipelines.daily.partitions import Partition
from pipelines.daily.state_paths import DayPaths, StatePaths

_WATCHED = "recall_at_20"
NAMES = ("check", "prepare", "evaluate", "train", "gate", "publish", "report")


@dataclasses.dataclass(frozen=True)
class DayWork:
    """A day that is done stage by stage.

    Attributes:
      config: options of the run.
      partition: the day.
      window: the partitions before it that are prepared with it, in order.
      compared: the partitions before it that it may be compared with, in order, whatever the window.
      before: the day whose model is trained on; `None` for the first.
      publishes: whether its model is published.
      write_report: writes the report of the day.
      num_outside: of days before, by first date, how many interactions are of other dates, as far as a check has
        counted them.
      first_date: the first day of all; `None` where it is the day itself, or `before`.
    """

    config: DailyRunConfig
    partition: Partition
    window: Sequence[Partition]
    compared: Sequence[Partition]
    before: DayRecord | None
    publishes: bool
    write_report: Callable[[DayRecord], None]
    num_outside: Mapping[str, int] = dataclasses.field(default_factory=dict)
    first_date: datetime.date | None = None

    @property
    def paths(self) -> DayPaths:
        """Of the day."""
        return self._state.day(self.partition.date)

    @property
    def _state(self) -> StatePaths:
        return StatePaths(self.config.state_dir)

    @property
    def _base(self) -> BaseModel | None:
        if self.before is None:
            return None
        of_date = self.before.date
        return BaseModel(self.partition.date, of_date, self._state.day(of_date).model, self.first_date or of_date)

    def run(self, name: str, record: DayRecord) -> DayRecord:
        """Runs a stage and returns the record with what it found; the record is not written.

        Raises:
          BaseModelError: if the model that the day goes on from cannot be read.
          ValueError: a sentence of the stage, if the day or its model is refused.
        """
        with self._base.named() if self._base else contextlib.nullcontext():
            found = getattr(self, f"_{name}")(record)
        outcome = None
        if name == "check" and not found["num_rows"]:
            outcome = day_record.NO_DATA
        if name == "publish":
            outcome = day_record.PUBLISHED if found["version"] else day_record.TRAINED
        return record.with_stage(name, found, outcome)

    def _check(self, record: DayRecord) -> dict[str, Any]:
        schema, checks = self.config.prepare.schema, self.config.checks
        now = time.time_ns() // 1000
        # What a killed run spilled goes with what this one does.
        shutil.rmtree(self.paths.work, ignore_errors=True)
        self.paths.work.mkdir()
        try:
            return day_checks.check(self.partition, self.compared, schema, checks, self.paths.work, now).as_json()
        finally:
            shutil.rmtree(self.paths.work, ignore_errors=True)

    def _prepare(self, record: DayRecord) -> dict[str, Any]:
        config, copies = self.config.prepare, self.paths.work
        uncounted = [each for each in self.window if each.date.isoformat() not in self.num_outside]
        counted = rows_inside.count(uncounted, config.schema, copies, config.engine_memory_limit)
        _warn_of_outside(self.partition.date, counted)
        of_day = {self.partition.date.isoformat(): record.stages["check"]["num_outside"]}
        partitions, num_outside = (*self.window, self.partition), {**self.num_outside, **counted, **of_day}
        files = rows_inside.files(partitions, num_outside, config.schema, copies, config.engine_memory_limit)
        log = ",".join(map(str, files))
        config = dataclasses.replace(config, interactions=log, prepared_dir=str(self.paths.prepared))
        manifest = prepare_data.run(config).manifest
        shutil.rmtree(copies, ignore_errors=True)
        found = {name: manifest[name] for name in ("counts", "drops", "removed_values", "time_range_microseconds")}
        return {**found, "num_outside_before": {date: number for date, number in counted.items() if number}}

    def _evaluate(self, record: DayRecord) -> dict[str, Any]:
        if self._base is None:
            return {}
        self._base.require_same_model(self.config.training, prepared_data.read_prepared_data(self.paths.prepared))
        found = self._asking().evaluate(self._base.directory)
        _warn_below_popularity(self.partition.date, found)
        return {"of_date": self._base.of_date.isoformat(), **found}

    def _train(self, record: DayRecord) -> dict[str, Any]:
        training, start = self.config.training, None
        if self._base:
            self._base.require_whole_day(prepared_data.read_prepared_data(self.paths.prepared), self.partition)
            # There is nothing to stop by: every interaction trains.
            training = dataclasses.replace(training, num_epochs=self.config.epochs_per_day)
            start = dataclasses.replace(self.config.warm_start, model_dir=str(self._base.directory))
        model_dir = str(self.paths.model)
        result = train.run(train.TrainJobConfig(str(self.paths.prepared), model_dir, training, warm_start=start))
        return {
            "model_stamp": model_directory.read_description(model_dir).stamp,
            "best_checkpoint": model_directory.best_checkpoint_name(model_dir),
            "losses": [each["loss"] for each in result.history],
            "vocabularies": result.vocabularies,
        }

    def _gate(self, record: DayRecord) -> dict[str, Any]:
        expired = model_gates.require_few_expired(record.stages["train"]["vocabularies"], self.config.gates)
        base_dir = self._base and self._base.directory
        found = self._asking().gate(self.paths.model, base_dir, self.config.gates)
        if base_dir and self.config.gates.num_window_questions and not found["num_window_questions"]:
            logging.warning(
                "%s: no interaction before the day is left to ask for, so that what the model forgot is not seen; "
                "with more --window_days it is",
                self.partition.date,
            )
        return {"expired_fractions": expired, **found}

    def _publish(self, record: DayRecord) -> dict[str, Any]:
        if not self.publishes:
            return {"version": None}
        config = dataclasses.replace(
            self.config.export, prepared_dir=str(self.paths.prepared), model_dir=str(self.paths.model)
        )
        exported = export.run(config)
        return {
            "version": int(exported.version_dir.name),
            "num_candidates": exported.manifest["num_candidates"],
            "index_recall": _index_recall(exported.manifest),
        }

    def _report(self, record: DayRecord) -> dict[str, Any]:
        try:
            self.write_report(record)
        except (ValueError, OSError) as error:
            # The day is published, and the next report holds it too.
            logging.warning("%s: the report was not written: %s", self.partition.date, error)
            return {"not_written": str(error)}
        return {}

    def _asking(self) -> DayAsking:
        return DayAsking(self.paths.prepared, self.partition, self.config.ask_again)


def _warn_of_outside(date: datetime.date, num_outside: Mapping[str, int]) -> None:
    for of_date, number in num_outside.items():
        if number:
            logging.warning(
                "%s: %d interactions of other dates in the partition of %s are dropped", date, number, of_date
            )


def _warn_below_popularity(date: datetime.date, found: Mapping[str, Any]) -> None:
    """Says so where the model that serves is certainly worth less than a list that is the same for all."""
    high = found.get("difference", {}).get(_WATCHED, {}).get("high")
    if high is not None and high < 0.0:
        model, popularity = (found[who][_WATCHED] for who in ("model", "popularity"))
        logging.warning(
            "%s: %s of yesterday's model is %.4f on the day, certainly below the %.4f of popularity",
            date,
            _WATCHED,
            model,
            popularity,
        )


def _index_recall(manifest: Mapping[str, Any]) -> float:
    (recall,) = (value for name, value in manifest.items() if name.startswith("index_recall_at_"))
    return recall
