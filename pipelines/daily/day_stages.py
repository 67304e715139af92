"""The stages of a day: each finds what those before it left, and returns what is noted of it."""

import contextlib
import dataclasses
import datetime
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging

from pipelines import export, model_directory, prepare_data, train
from pipelines.daily import day_checks, day_record, model_gates, rows_inside
from pipelines.daily.daily_config import DailyRunConfig
from pipelines.daily.day_asking import DayAsking
from pipelines.daily.day_record import DayRecord
from pipelines.daily.partitions import Partition
from pipelines.daily.state_paths import DayPaths, StatePaths

_WATCHED = "recall_at_20"
NAMES = ("check", "prepare", "evaluate", "train", "gate", "publish", "report")


class BaseModelError(ValueError):
    """The model of the day before is gone or damaged; the message names the day and the remedy."""


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
      num_outside: of days before, by first date, how many interactions are of other dates, where any.
    """

    config: DailyRunConfig
    partition: Partition
    window: Sequence[Partition]
    compared: Sequence[Partition]
    before: DayRecord | None
    publishes: bool
    write_report: Callable[[DayRecord], None]
    num_outside: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def paths(self) -> DayPaths:
        """Of the day."""
        return self._state.day(self.partition.date)

    @property
    def _state(self) -> StatePaths:
        return StatePaths(self.config.state_dir)

    @property
    def _before_dir(self) -> str | None:
        return str(self._state.day(self.before.date).model) if self.before else None

    def run(self, name: str, record: DayRecord) -> DayRecord:
        """Runs a stage and returns the record with what it found; the record is not written.

        Raises:
          BaseModelError: if the model that the day goes on from cannot be read.
          ValueError: a sentence of the stage, if the day or its model is refused.
        """
        with self._naming_model_before():
            found = getattr(self, f"_{name}")(record)
        outcome = None
        if name == "check" and not found["num_rows"]:
            outcome = day_record.NO_DATA
        if name == "publish":
            outcome = day_record.PUBLISHED if found["version"] else day_record.TRAINED
        return record.with_stage(name, found, outcome)

    @contextlib.contextmanager
    def _naming_model_before(self) -> Iterator[None]:
        """Says of the model that the day goes on from how it is made again, which is not by a training by hand."""
        try:
            yield
        except model_directory.ModelDirectoryError as error:
            if self._before_dir is None or self._before_dir not in str(error):
                raise
            raise BaseModelError(
                f"{self.partition.date} goes on from the model of {self.before.date}, which cannot be read: "
                f"{str(error).partition('; ')[0].rstrip('.')}. Put {self._before_dir} back as it was, or make it "
                f"again with --backfill_from={self.before.date}."
            ) from error

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
        config, num_outside = self.config.prepare, dict(self.num_outside)
        num_outside[self.partition.date.isoformat()] = record.stages["check"]["num_outside"]
        copies, limit = self.paths.work, config.engine_memory_limit
        files = rows_inside.files((*self.window, self.partition), num_outside, config.schema, copies, limit)
        log = ",".join(map(str, files))
        config = dataclasses.replace(config, interactions=log, prepared_dir=str(self.paths.prepared))
        manifest = prepare_data.run(config).manifest
        shutil.rmtree(copies, ignore_errors=True)
        return {name: manifest[name] for name in ("counts", "drops", "removed_values", "time_range_microseconds")}

    def _evaluate(self, record: DayRecord) -> dict[str, Any]:
        if self.before is None:
            return {}
        found = self._asking().evaluate(self._before_dir)
        _warn_below_popularity(self.partition.date, found)
        return {"of_date": self.before.date.isoformat(), **found}

    def _train(self, record: DayRecord) -> dict[str, Any]:
        training, start = self.config.training, None
        if self._before_dir:
            # There is nothing to stop by: every interaction trains.
            training = dataclasses.replace(training, num_epochs=self.config.epochs_per_day)
            start = dataclasses.replace(self.config.warm_start, model_dir=self._before_dir)
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
        found = self._asking().gate(self.paths.model, self._before_dir, self.config.gates)
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
