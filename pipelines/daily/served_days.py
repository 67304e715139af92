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


class ServedDaysError(ValueError):
    """The versions are not those of the days; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Versions:
    """The versions of an export directory.

    Attributes:
      served: the model of each version that serves or could, by number; `None` where its manifest names none.
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

    def only_above(self, number: int) -> set[Model]:
        """Returns the models that versions above one have, and no other that serves."""
        above = {model for each, model in self.served.items() if each > number and model}
        return above - {model for each, model in self.served.items() if each <= number}


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
    served = set(versions.served.values())
    taken_back = {each.date for each in published if each.version in versions.withdrawn and each.model not in served}
    return _with_their_backfill(taken_back, records)


def dates_of_models(models: Collection[Model], records: Records) -> list[datetime.date]:
    """Returns the dates of models, whether their record says yet that they were published or not, and of a back-fill
    that ended in one the days before it."""
    passed_over = (day_record.NO_DATA, day_record.SKIPPED, day_record.WITHDRAWN)
    found = {date for date, record in records.items() if record.outcome not in passed_over and record.model in models}
    return _with_their_backfill(found, records)


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
    of_days = {each.model: each for each in records.values() if each.model}
    versions = Versions.read(export_dir).served
    if not of_days or not versions:
        return
    newest = max(versions)
    record = of_days.get(versions[newest])
    if record is None or record.outcome == day_record.WITHDRAWN:
        raise ServedDaysError(
            f"Version {newest} of {export_dir} serves a model that is of no day in --state_dir: its day was done again "
            "or taken back, or it was exported by another job. Take it back with pipelines.rollback, or do days again "
            "from one on with --backfill_from; the first of them goes on from the model of the day before it."
        )


def served_date(export_dir: str | os.PathLike[str], records: Records) -> datetime.date:
    """Returns the date of the model of the version that serves.

    Raises:
      ServedDaysError: if no version serves, or one whose model is of no day.
    """
    require_served(export_dir, records)
    versions = Versions.read(export_dir).served
    model = versions[max(versions)] if versions else None
    dates = [date for date, record in records.items() if model and record.model == model]
    if not dates:
        raise ServedDaysError(f"No day was published to --export_dir={export_dir} and is served; do one first.")
    return max(dates)


def _require_own(export_dir: str | os.PathLike[str], versions: Versions, record: DayRecord) -> None:
    found = {**versions.withdrawn, **versions.served}
    is_other = record.version in found and found[record.version] != record.model
    if is_other or not versions.served or record.version > max(found):
        raise ServedDaysError(
            f"--export_dir={export_dir} holds not version {record.version} as {record.date} was published, but "
            f"{'another model by that number' if is_other else 'only others'}; name the directory that the days of "
            "--state_dir were published to."
        )


def _with_their_backfill(taken_back: Collection[datetime.date], records: Records) -> list[datetime.date]:
    withdrawn: list[datetime.date] = []
    belongs = False
    for date, record in sorted(records.items(), reverse=True):
        if record.outcome == day_record.PUBLISHED or date in taken_back:
            belongs = date in taken_back
        if date in taken_back or (belongs and record.outcome == day_record.TRAINED):
            withdrawn.append(date)
    return sorted(withdrawn)


def _model_of(version_dir: pathlib.Path) -> Model | None:
    try:
        found = manifest.read_manifest(version_dir)
    except manifest.ManifestError:
        return None
    return (found["model_stamp"], found["best_checkpoint"]) if "model_stamp" in found else None
