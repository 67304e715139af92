"""Which days' models serve: a version that was taken back takes its day back.

A version is known by its model, not by its number alone, so that another directory's versions are never taken for
those of the days.
"""

import dataclasses
import datetime
import os
import pathlib
from collections.abc import Collection, Mapping

from absl import logging

from pipelines import export_versions
from pipelines.daily import day_record
from pipelines.daily.day_record import DayRecord
from pipelines.daily.state_paths import StatePaths
from serving import manifest

Records = Mapping[datetime.date, DayRecord]
# Stamp and best checkpoint.
Model = tuple[str, str]
_PASSED_OVER = (day_record.NO_DATA, day_record.SKIPPED, day_record.WITHDRAWN)


class ServedDaysError(ValueError):
    """The versions are not those of the days; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Versions:
    """The versions of an export directory.

    Attributes:
      served: the model of each version that serves or could, by number; `None` where its manifest cannot be read.
      withdrawn: the same of those that were taken back and are kept.
    """

    served: Mapping[int, Model | None]
    withdrawn: Mapping[int, Model | None]

    @classmethod
    def read(cls, export_dir: str | os.PathLike[str]) -> "Versions":
        """Reads the manifest of each version."""
        served = {each: pathlib.Path(export_dir) / str(each) for each in export_versions.numbers(export_dir)}
        withdrawn = {
            each: export_versions.withdrawn_dir(export_dir, each)
            for each in export_versions.withdrawn_numbers(export_dir)
        }
        return cls(*({each: _model_of(path) for each, path in found.items()} for found in (served, withdrawn)))

    @property
    def newest(self) -> int | None:
        """Number of the version that serves, if there is one."""
        return max(self.served, default=None)

    @property
    def served_models(self) -> set[Model]:
        """What serves or could."""
        return {model for model in self.served.values() if model}

    def is_served(self, record: DayRecord) -> bool:
        """Returns whether a version has the model of a day; one that cannot be read is known by its number."""
        if record.version in self.served and self.served[record.version] is None:
            return True
        return record.model in self.served_models

    def up_to(self, number: int) -> "Versions":
        """Returns the versions without those that serve above one."""
        return Versions({each: model for each, model in self.served.items() if each <= number}, self.withdrawn)


def note_withdrawn(export_dir: str | os.PathLike[str], paths: StatePaths, records: Records) -> Records:
    """Returns the records with those days withdrawn whose versions were taken back, and writes these.

    Raises:
      ServedDaysError: if the versions are not those that the days were published as.
    """
    return withdraw(withdrawn_dates(export_dir, records), paths, records)


def withdrawn_dates(export_dir: str | os.PathLike[str], records: Records) -> list[datetime.date]:
    """Returns the dates whose versions were taken back since, and of a back-fill that ended in one the days before it.

    Raises:
      ServedDaysError: if the versions are not those that the days were published as.
    """
    versions = Versions.read(export_dir)
    published = [record for record in records.values() if record.outcome == day_record.PUBLISHED]
    for record in published:
        _require_own(export_dir, versions, record)
    serving = _record_that_serves(versions, records)
    taken_back = {
        each.date
        for each in published
        if not versions.is_served(each)
        and (each.version in versions.withdrawn or (serving is not None and each.date > serving.date))
    }
    return _with_their_backfill(taken_back, versions, records)


def dates_above(export_dir: str | os.PathLike[str], number: int, records: Records) -> list[datetime.date]:
    """Returns the dates that go when all versions above one are taken back.

    They are those whose models only these versions have, whether the record says yet that they were published or not,
    and of a back-fill that ended in one the days before it.
    """
    versions = Versions.read(export_dir)
    rest = versions.up_to(number)
    found = {
        date
        for date, record in records.items()
        if record.outcome not in _PASSED_OVER and versions.is_served(record) and not rest.is_served(record)
    }
    return _with_their_backfill(found, rest, records)


def withdraw(dates: Collection[datetime.date], paths: StatePaths, records: Records) -> dict[datetime.date, DayRecord]:
    """Returns the records with these days withdrawn, and writes these."""
    found = dict(records)
    for date in dates:
        logging.warning("%s: its version was taken back; later days do without it", date)
        found[date] = dataclasses.replace(records[date], outcome=day_record.WITHDRAWN)
        found[date].write(paths.day(date))
    return found


def require_served(export_dir: str | os.PathLike[str], records: Records) -> None:
    """Refuses to go on where the version that serves is of no day that could be gone on from.

    Raises:
      ServedDaysError: naming the version.
    """
    versions = Versions.read(export_dir)
    if versions.newest is None or not any(each.model for each in records.values()):
        return
    record = _record_that_serves(versions, records)
    if versions.served[versions.newest] is None and record is None:
        raise ServedDaysError(
            f"The manifest of version {versions.newest} of {export_dir}, which serves, cannot be read; take it back "
            "with pipelines.rollback, and do its day again with --backfill_from."
        )
    if record is None or record.outcome == day_record.WITHDRAWN:
        raise ServedDaysError(
            f"Version {versions.newest} of {export_dir} serves a model that is of no day in --state_dir: its day was "
            "done again or taken back, or it was exported by another job. Take it back with pipelines.rollback, or do "
            "days again from one on with --backfill_from; the first of them goes on from the model of the day before "
            "it."
        )
    later = [each for each, other in records.items() if each > record.date and other.outcome == day_record.PUBLISHED]
    if later:
        raise ServedDaysError(
            f"Version {versions.newest} of {export_dir} serves the model of {record.date}, though {max(later)} was "
            "published since: it was exported by another job. Take it back with pipelines.rollback, or do days again "
            "with --backfill_from."
        )


def serves(export_dir: str | os.PathLike[str], record: DayRecord) -> bool:
    """Returns whether the newest version has the model of a day."""
    versions = Versions.read(export_dir)
    return versions.newest is not None and versions.served[versions.newest] == record.model


def served_date(export_dir: str | os.PathLike[str], records: Records) -> datetime.date:
    """Returns the date of the model of the version that serves.

    Raises:
      ServedDaysError: if no version serves, or one whose model is of no day.
    """
    require_served(export_dir, records)
    record = _record_that_serves(Versions.read(export_dir), records)
    if record is None:
        raise ServedDaysError(f"No day was published to --export_dir={export_dir} and is served; do one first.")
    return record.date


def _record_that_serves(versions: Versions, records: Records) -> DayRecord | None:
    """Returns the day of the newest version; one whose manifest cannot be read is known by its number."""
    if versions.newest is None:
        return None
    newest = Versions({versions.newest: versions.served[versions.newest]}, {})
    return next((record for _, record in sorted(records.items(), reverse=True) if newest.is_served(record)), None)


def _require_own(export_dir: str | os.PathLike[str], versions: Versions, record: DayRecord) -> None:
    found = {**versions.withdrawn, **versions.served}
    is_other = found.get(record.version) not in (None, record.model)
    if is_other or not versions.served or record.version > max(found):
        raise ServedDaysError(
            f"--export_dir={export_dir} holds not version {record.version} as {record.date} was published, but "
            f"{'another model by that number' if is_other else 'only others'}; name the directory that the days of "
            "--state_dir were published to."
        )


def _with_their_backfill(
    taken_back: Collection[datetime.date], versions: Versions, records: Records
) -> list[datetime.date]:
    withdrawn: list[datetime.date] = []
    belongs = False
    for date, record in sorted(records.items(), reverse=True):
        if record.outcome == day_record.PUBLISHED or date in taken_back or versions.is_served(record):
            belongs = date in taken_back
        if date in taken_back or (belongs and record.outcome == day_record.TRAINED):
            withdrawn.append(date)
    return sorted(withdrawn)


def _model_of(version_dir: pathlib.Path) -> Model | None:
    try:
        found = manifest.read_manifest(version_dir)
    except manifest.ManifestError:
        return None
    # An export that names no model is of no day.
    return found.get("model_stamp", ""), found.get("best_checkpoint", "")
