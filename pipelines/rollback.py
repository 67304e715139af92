"""Takes versions back, so that an earlier one is served, and the days that they were of.

    python -m pipelines.rollback --export_dir=served/shop --state_dir=state --to_version=41

Each version above it is hidden by one rename, the newest first; a server that watches the directory goes back by
itself. The days of these versions count as passed over: their interactions are in no later day's window until
`pipelines.daily_run --backfill_from` does them again. The next daily run goes on from the model of the version that
serves, or refuses if the day of that version was done again since. Run again it does nothing more.
"""

import dataclasses
import datetime
import pathlib

from absl import app, flags, logging

from pipelines import directory_lock, export_flags, export_versions, job, run_ledger
from pipelines.daily import daily_flags, day_record, served_days
from pipelines.daily.stage_lines import StageLines
from pipelines.daily.state_paths import StatePaths

flags.declare_key_flag("export_dir")
flags.declare_key_flag("state_dir")
_TO_VERSION = flags.DEFINE_integer("to_version", None, "Version that is to be served; those above it are taken back.")


@dataclasses.dataclass(frozen=True)
class RollbackConfig:
    """What is taken back.

    Attributes:
      export_dir: directory of the versions.
      state_dir: of the daily runs that published them.
      to_version: the version that is to be served, >= 1.
    """

    export_dir: str
    state_dir: str
    to_version: int

    def __post_init__(self) -> None:
        for name in ("export_dir", "state_dir"):
            path = getattr(self, name)
            if not path or not pathlib.Path(path).is_dir():
                raise job.ConfigError(f"--{name} must be a directory that a daily run has made, but is {path!r}.")
        if self.to_version < 1:
            raise job.ConfigError(f"--to_version must be >= 1, but is {self.to_version}.")


@dataclasses.dataclass(frozen=True)
class RollbackResult:
    """What was taken back.

    Attributes:
      withdrawn: versions that were taken back, the newest first.
      dates: days of the versions that were taken back.
    """

    withdrawn: tuple[int, ...]
    dates: tuple[datetime.date, ...]


def config_from_flags() -> RollbackConfig:
    """Returns the configuration that the flags describe."""
    export_dir, state_dir = export_flags.EXPORT_DIR.value or "", daily_flags.STATE_DIR.value or ""
    return RollbackConfig(export_dir, state_dir, _TO_VERSION.value)


def run(config: RollbackConfig) -> RollbackResult:
    """Takes versions back, and their days; what a killed run has left to do is done by the next.

    Raises:
      ArtifactError: if another run publishes there.
      ExportVersionError: if there is no such version.
    """
    paths = StatePaths(config.state_dir)
    with (
        directory_lock.hold(pathlib.Path(config.export_dir), "export_dir", "publishing"),
        directory_lock.hold(paths.directory, "state_dir"),
        StageLines(run_ledger.RunLedger(paths.ledger)).stage(None, "rollback") as entry,
    ):
        _require_version(config)
        # The days first: a run that is killed in between has taken back too much rather than too little, and the next
        # one takes the versions back.
        records = day_record.read_all(paths)
        dates = served_days.dates_above(config.export_dir, config.to_version, records)
        served_days.withdraw(dates, paths, records)
        withdrawn = export_versions.roll_back_to(config.export_dir, config.to_version)
        entry.update(
            version=config.to_version,
            figures={"withdrawn_versions": withdrawn, "withdrawn_dates": [each.isoformat() for each in dates]},
        )
    logging.info("Versions %s of %s were taken back; %d is served", withdrawn, config.export_dir, config.to_version)
    return RollbackResult(tuple(withdrawn), tuple(dates))


def _require_version(config: RollbackConfig) -> None:
    found = export_versions.numbers(config.export_dir)
    if config.to_version not in found:
        raise export_versions.ExportVersionError(
            f"--to_version={config.to_version} is none of the versions of {config.export_dir}, which are "
            f"{found or 'none'}; name one of them."
        )


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["export_dir", "state_dir", "to_version"])
    app.run(main)


if __name__ == "__main__":
    console_main()
