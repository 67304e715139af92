"""What a daily run reads, how it works and where it publishes."""

import dataclasses
import datetime
import os

from pipelines import export, job, prepare_data, training_config, warm_start
from pipelines.daily import day_checks, model_gates

_LEAST = {"epochs_per_day": 1, "slice_days": 1, "window_days": 0, "max_missing": 0, "keep_days": 1}


@dataclasses.dataclass(frozen=True)
class DailyRunConfig:
    """The options of a daily run.

    Attributes:
      interactions_dir: directory of the log's partitions.
      state_dir: directory of what is made of each day.
      prepare: how a day is prepared; its log and directory are put in day by day.
      training: how the first day is trained; later days for `epochs_per_day`.
      warm_start: how vocabularies grow; the run to go on from is put in day by day.
      export: how versions are exported, and where they go.
      checks: what a day has to keep to.
      gates: what a model has to keep to.
      epochs_per_day: passes over the interactions of each day after the first, >= 1.
      slice_days: days that a partition is of, >= 1.
      window_days: days before a partition whose interactions are prepared with it, as histories and corpus, >= 0.
      max_missing: largest number of dates in a row without a partition before one that has one, >= 0.
      keep_days: how many of the newest accepted days keep their data and models, >= 1.
      ask_again: whether the evaluation also asks for what a query chose before.
      from_date: the first day to do, or `None`.
      to_date: the last day to do, or `None`.
      skip_dates: days to pass over.
      backfill_from: the first day to do again, or `None`.
      dry_run: whether only to say what would be done.
    """

    interactions_dir: str
    state_dir: str
    prepare: prepare_data.PrepareConfig
    training: training_config.TrainingConfig
    warm_start: warm_start.WarmStartConfig
    export: export.ExportConfig
    checks: day_checks.DayCheckConfig = dataclasses.field(default_factory=day_checks.DayCheckConfig)
    gates: model_gates.ModelGateConfig = dataclasses.field(default_factory=model_gates.ModelGateConfig)
    epochs_per_day: int = 1
    slice_days: int = 1
    window_days: int = 30
    max_missing: int = 7
    keep_days: int = 14
    ask_again: bool = False
    from_date: datetime.date | None = None
    to_date: datetime.date | None = None
    skip_dates: tuple[datetime.date, ...] = ()
    backfill_from: datetime.date | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name in ("interactions_dir", "state_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if os.path.realpath(self.state_dir) == os.path.realpath(self.export.export_dir):
            raise job.ConfigError(
                f"--state_dir and --export_dir must be two directories, but both are {self.state_dir}; the versions "
                "that are served need one of their own."
            )
        if "," in self.interactions_dir:
            raise job.ConfigError(
                f"--interactions_dir must have no comma in its path, but is {self.interactions_dir}; rename it."
            )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise job.ConfigError(f"--{name} must be >= {least}, but is {getattr(self, name)}.")
        if self.warm_start.replay_days > self.window_days:
            raise job.ConfigError(
                f"--replay_days={self.warm_start.replay_days} must be at most --window_days={self.window_days}, since "
                "a day is prepared with no more than its window; raise --window_days."
            )
        if self.from_date and self.to_date and self.from_date > self.to_date:
            raise job.ConfigError(f"--from_date={self.from_date} must not be after --to_date={self.to_date}.")
        if self.prepare.schema.interactions.timestamp is None:
            raise job.ConfigError("A daily run needs timestamps; name their column in the schema.")
        if self.prepare.split != "none":
            raise job.ConfigError(
                f"--split={self.prepare.split} is no flag of a daily run, in which every interaction is asked for by "
                "the model of the day before and then trained on; leave it out."
            )
