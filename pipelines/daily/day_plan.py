"""Which days are to be done, in order, and how: from what is in the log and what was done before."""

import dataclasses
import datetime
import itertools
from collections.abc import Iterator, Mapping, Sequence

from pipelines.daily import day_record
from pipelines.daily.daily_config import DailyRunConfig
from pipelines.daily.day_record import DayRecord
from pipelines.daily.partition_digests import PartitionDigests
from pipelines.daily.partitions import Partition

# What is to be done with a day. Whether one that has a partition has rows is told by its check.
TRAIN, NO_DATA, SKIP = "train", "no data", "skip"


class DayPlanError(ValueError):
    """What was done and what the log holds do not go together; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class PlannedDay:
    """One day to do.

    Attributes:
      partition: of the day; without files where there is none.
      action: `TRAIN`, `NO_DATA` or `SKIP`.
    """

    partition: Partition
    action: str

    @property
    def date(self) -> datetime.date:
        """Its first day."""
        return self.partition.date


def plan(
    config: DailyRunConfig, found: Sequence[Partition], records: Mapping[datetime.date, DayRecord]
) -> list[PlannedDay]:
    """Returns the days that are not finished, in order, each after the one before without a gap.

    Args:
      config: bounds, and which days to pass over.
      found: partitions of the log.
      records: of the days that were begun.

    Raises:
      DayPlanError: if nothing is there to be done at a date that is asked for, a bound leaves a gap, or the partition
        of a day that is under way is gone.
    """
    partitions = {each.date: each for each in found}
    finished = sorted(date for date, record in records.items() if record.is_finished)
    _require_no_gap(config, sorted(records))
    unfinished = [date for date, record in records.items() if not record.is_finished]
    _require_still_there(config, partitions, [records[date] for date in unfinished])
    first, last = min([_first(config, partitions, finished), *unfinished]), _last(config, partitions, finished)
    days = [
        _planned(config, date, partitions.get(date))
        for date in _dates(first, last, config.slice_days)
        if date not in finished
    ]
    _require_short_gaps(config, days)
    _require_in_step(config, partitions, first, last)
    _require_skippable(config, {each.date for each in days}, records)
    return days


def require_unchanged(
    partitions: Sequence[Partition], records: Mapping[datetime.date, DayRecord], digests: PartitionDigests
) -> None:
    """Refuses a log in which a day that was trained on, or had no data, is another one by now.

    A day whose partition is gone is as it was: old ones may be removed.

    Raises:
      DayPlanError: naming the first such day.
    """
    for partition in partitions:
        record = records.get(partition.date)
        is_decided = record is not None and (record.is_accepted or record.outcome == day_record.NO_DATA)
        if is_decided and digests.of(partition) != record.data_sha256:
            raise DayPlanError(
                f"The data of {partition.date} are others than those that its day was done with. Put them back as "
                f"they were, or do that day and all later ones again with --backfill_from={partition.date}."
            )


def usable_before(
    date: datetime.date, partitions: Sequence[Partition], records: Mapping[datetime.date, DayRecord]
) -> list[Partition]:
    """Returns the partitions before a date, in order: not those that were skipped, taken back, or had no data."""
    passed_over = (day_record.SKIPPED, day_record.WITHDRAWN, day_record.NO_DATA)
    return [
        each
        for each in partitions
        if each.date < date and each.paths and not (each.date in records and records[each.date].outcome in passed_over)
    ]


def window(config: DailyRunConfig, date: datetime.date, usable: Sequence[Partition]) -> list[Partition]:
    """Returns those of the usable partitions before a date that are prepared with it."""
    begin = date - datetime.timedelta(days=config.window_days)
    return [each for each in usable if each.date >= begin]


def _first(config: DailyRunConfig, partitions: Mapping, finished: Sequence[datetime.date]) -> datetime.date:
    step = datetime.timedelta(days=config.slice_days)
    if finished:
        following = finished[-1] + step
        if config.from_date and config.from_date > following:
            raise DayPlanError(
                f"--from_date={config.from_date} leaves out {following}, the day after the last that was done; leave "
                "the flag out, or pass over the days between with --skip_date."
            )
        return following
    # With every day removed to be done again, what is before the first of them stays history.
    first = config.from_date or config.backfill_from or min(partitions, default=None)
    if first is None:
        raise DayPlanError(
            f"--interactions_dir={config.interactions_dir} holds no partition; wait for one, or correct the path."
        )
    return first


def _last(config: DailyRunConfig, partitions: Mapping, finished: Sequence[datetime.date]) -> datetime.date:
    newest = max((*partitions, *finished), default=None)
    if config.to_date is None:
        following = newest + datetime.timedelta(days=config.slice_days) if newest else None
        return following if following in config.skip_dates else newest or config.from_date
    if config.to_date not in (*partitions, *finished, *config.skip_dates) and (not newest or newest < config.to_date):
        raise DayPlanError(
            f"--to_date={config.to_date} has no partition in {config.interactions_dir}, and no later one has; wait for "
            "it, or name an earlier date."
        )
    return config.to_date


def _dates(first: datetime.date, last: datetime.date, step: int) -> Iterator[datetime.date]:
    for days in range(0, (last - first).days + 1, step):
        yield first + datetime.timedelta(days=days)


def _planned(config: DailyRunConfig, date: datetime.date, partition: Partition | None) -> PlannedDay:
    action = SKIP if date in config.skip_dates else TRAIN if partition and partition.paths else NO_DATA
    return PlannedDay(partition or Partition(date, (), config.slice_days), action)


def _require_no_gap(config: DailyRunConfig, begun: Sequence[datetime.date]) -> None:
    """Refuses days among which one is missing, as when its folder was removed by hand."""
    step = datetime.timedelta(days=config.slice_days)
    for one, other in itertools.pairwise(begun):
        if other - one != step:
            raise DayPlanError(
                f"The days in --state_dir must follow one another every --slice_days={config.slice_days}, but {other} "
                f"follows {one}; correct --slice_days, put back what is missing, or do days again with "
                f"--backfill_from={other}."
            )


def _require_still_there(config: DailyRunConfig, partitions: Mapping, unfinished: Sequence[DayRecord]) -> None:
    """Refuses a day that was begun with data which the log has no more: it is not one without data."""
    for record in unfinished:
        is_asked_for = record.date not in config.skip_dates and record.date <= (config.to_date or record.date)
        has_files = record.date in partitions and partitions[record.date].paths
        if record.data_sha256 is not None and is_asked_for and not has_files:
            skip = "" if record.is_accepted else f", or pass the day over with --skip_date={record.date}"
            raise DayPlanError(
                f"{record.date} was begun with data and is not finished, but its partition is gone from the log; put "
                f"it back{skip}."
            )


def _require_short_gaps(config: DailyRunConfig, days: Sequence[PlannedDay]) -> None:
    """Refuses a long row of days without a partition, before any is noted: a date may be misspelt."""
    num_missing = 0
    for day in days:
        num_missing = num_missing + 1 if day.action == NO_DATA else 0
        if num_missing > config.max_missing:
            raise DayPlanError(
                f"{num_missing} dates up to {day.date} have no partition, more than "
                f"--max_missing={config.max_missing}, and a later one has. Look whether the later one's date is right, "
                "or raise --max_missing."
            )


def _require_in_step(config: DailyRunConfig, partitions: Mapping, first: datetime.date, last: datetime.date) -> None:
    for date in partitions:
        if first <= date <= last and (date - first).days % config.slice_days:
            raise DayPlanError(
                f"The partitions must follow one another every --slice_days={config.slice_days} from {first} on, but "
                f"{date} does not; rename it, or correct --slice_days or --from_date."
            )


def _require_skippable(
    config: DailyRunConfig, planned: set[datetime.date], records: Mapping[datetime.date, DayRecord]
) -> None:
    for date in config.skip_dates:
        is_skipped = date in records and records[date].outcome == day_record.SKIPPED
        if date not in planned and not is_skipped:
            raise DayPlanError(
                f"--skip_date={date} is none of the days to be done ({_named(planned)}); to do without a day that is "
                f"done, give --backfill_from={date} as well."
            )


def _named(planned: set[datetime.date]) -> str:
    return f"{min(planned)} to {max(planned)}" if planned else "none is left"
