"""Whether a day's interactions may be trained on.

A log goes wrong in silence: a writer stopped half way, wrote twice, wrote last week's rows under today's name, or
with other ids. A model trained on such a day is a bad model that nobody notices, so the day is refused before
anything is made of it, by a sentence that names the flag by which it is let through where it is meant so, if there is
one. Columns that the schema does not read may come, go and change their type: that is a warning.
"""

import dataclasses
import datetime
import pathlib
import statistics
from collections.abc import Sequence

from absl import logging

from pipelines import job
from pipelines.daily import day_figures, day_rows
from pipelines.daily.day_figures import DayFigures, NewIds
from pipelines.daily.partitions import Partition
from pipelines.preparation import interactions
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import parquet_files
from tfrs_model.diagnostics import distribution_shift
from tfrs_model.schema import Schema

# Once in about three thousand years of a log that is checked daily.
_CHANCE = 1e-6
_FRACTIONS = (
    "max_new_query_fraction",
    "max_new_candidate_fraction",
    "max_repeated_fraction",
    "max_outside_fraction",
    "max_rejected_fraction",
)


class DayCheckError(ValueError):
    """A day's interactions are not to be trained on; the message says the rule, what came and the remedy."""


@dataclasses.dataclass(frozen=True)
class DayCheckConfig:
    """What a day has to keep to.

    Attributes:
      min_volume_ratio: fewest rows relative to the median of the days before, in [0, 1].
      max_volume_ratio: most rows relative to it, >= 1.
      max_new_query_fraction: largest share of interactions of queries that no day before has, in [0, 1], unless about
        as many ids were new the day before.
      max_new_candidate_fraction: likewise, with candidates that no day before has.
      max_repeated_fraction: largest share of interactions that one day before has at the same time of day, in [0, 1].
      max_outside_fraction: largest share of interactions whose time is of another date, in [0, 1]; they are dropped.
      max_rejected_fraction: largest share of rows that cannot be read, in [0, 1]; that of preparation.
      compared_days: with how many of the last days that have rows a day is compared, >= 1.
      allow_unfinished_day: whether a day that is not over may be trained on.
      engine_memory_limit: such as `2GB`, beyond which rows spill to disk; `None` leaves it to the engine.
    """

    min_volume_ratio: float = 0.3
    max_volume_ratio: float = 3.0
    max_new_query_fraction: float = 0.9
    max_new_candidate_fraction: float = 0.9
    max_repeated_fraction: float = 0.5
    max_outside_fraction: float = 0.0
    max_rejected_fraction: float = 0.01
    compared_days: int = 30
    allow_unfinished_day: bool = False
    engine_memory_limit: str | None = None

    def __post_init__(self) -> None:
        for name in _FRACTIONS:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise job.ConfigError(f"--{name} must be in [0, 1], but is {getattr(self, name)}.")
        if self.compared_days < 1:
            raise job.ConfigError(f"--compared_days must be >= 1, but is {self.compared_days}.")
        if not 0.0 <= self.min_volume_ratio <= 1.0 <= self.max_volume_ratio:
            raise job.ConfigError(
                "--min_volume_ratio must be in [0, 1] and --max_volume_ratio at least 1, but they are "
                f"{self.min_volume_ratio} and {self.max_volume_ratio}."
            )


def check(
    partition: Partition,
    earlier_partitions: Sequence[Partition],
    schema: Schema,
    config: DayCheckConfig,
    work_dir: pathlib.Path | None = None,
    now_microseconds: int | None = None,
) -> DayFigures:
    """Returns the figures of a day that may be trained on, or that has no rows at all.

    Args:
      partition: the day.
      earlier_partitions: the days before it, in order, without those that were skipped; it is compared with the last
        of them that have rows. Without any, only the day itself is checked.
      schema: which column is what.
      config: the bounds.
      work_dir: existing directory for rows that do not fit into memory, emptied again; `None` for the system's own.
      now_microseconds: since 1970 UTC, which the day has to end before; `None` to ask for no end.

    Raises:
      DayCheckError: if the day is not over, it or a day before cannot be read, its columns are others than those of
        the day before, its volume, times or ids are out of bounds, or its interactions are those of an earlier day.
    """
    if schema.interactions.timestamp is None:
        raise DayCheckError("Days can be told apart by timestamps alone; name their column with --timestamp_column.")
    if now_microseconds is not None:
        _require_over(partition, now_microseconds, config)
    try:
        if not partition.num_rows():
            return DayFigures(str(partition.date), 0)
        figures = _measured(partition, earlier_partitions, schema, config, work_dir)
    except day_rows.EarlierDayError as error:
        raise DayCheckError(str(error)) from error
    except PreparationError as error:
        raise DayCheckError(f"{str(error).rstrip('.')}. {_skip(partition)}") from error
    # Before the times, as last week's rows are told better by their date than by being out of the day.
    _require_not_repeated(partition, figures.repeats, config)
    _require_times_within(partition, figures, config)
    _require_known(partition, "query", figures.new_queries, config.max_new_query_fraction)
    _require_known(partition, "candidate", figures.new_candidates, config.max_new_candidate_fraction)
    return figures


def _measured(
    partition: Partition,
    earlier_partitions: Sequence[Partition],
    schema: Schema,
    config: DayCheckConfig,
    work_dir: pathlib.Path | None,
) -> DayFigures:
    """Returns the figures of a day with rows, whose columns, volume and unreadable rows are within their bounds."""
    num_rows = partition.num_rows()
    earlier = _with_rows(earlier_partitions, config.compared_days)
    median = statistics.median(earlier.values()) if earlier else None
    _require_columns(partition, list(earlier), schema)
    _require_volume(partition, num_rows, median, config)
    figures = day_figures.measure(partition, list(earlier), schema, config.engine_memory_limit, work_dir)
    interactions.check_drops(num_rows, figures.drops, config.max_rejected_fraction)
    return dataclasses.replace(figures, median_num_rows=median)


def _with_rows(partitions: Sequence[Partition], num_days: int) -> dict[Partition, int]:
    """Returns how many rows each of the last days has that have any, in the order of the days."""
    found: dict[Partition, int] = {}
    for partition in reversed(partitions):
        if len(found) == num_days:
            break
        with day_rows.readable_earlier(partition):
            if num_rows := partition.num_rows():
                found[partition] = num_rows
    return dict(reversed(found.items()))


def _require_over(partition: Partition, now_microseconds: int, config: DayCheckConfig) -> None:
    if now_microseconds < partition.end and not config.allow_unfinished_day:
        raise DayCheckError(
            f"{partition.date} ends at {_moment(partition.end)}, and it is {_moment(now_microseconds)}: more of it may "
            "still be written. Run again when it is over, end the run before it with --to_date, or pass "
            "--allow_unfinished_day if the partition is whole."
        )


def _require_columns(partition: Partition, earlier: Sequence[Partition], schema: Schema) -> None:
    """Refuses columns that are read and are others, or of another kind, than those of the last day with rows."""
    columns = day_rows.column_types(partition, schema)
    if not earlier:
        return
    with day_rows.readable_earlier(earlier[-1]):
        before = day_rows.column_types(earlier[-1], schema)
    read = day_rows.columns_read(schema)
    changes = _changes({*before} & read, {*columns} & read)
    if changes:
        raise DayCheckError(
            f"Every day must have the columns of the day before, but {partition.date} {changes}, "
            f"compared with {earlier[-1].date}. Write the partition again, or write the days before with these columns "
            f"too and name the first of them by --backfill_from. {_skip(partition)}"
        )
    types = {earlier[-1].paths[0]: before, partition.paths[0]: columns}
    parquet_files.require_same_kinds("interactions_dir", types, read)
    if unread := _changes({*before} - read, {*columns} - read):
        logging.warning("%s %s, compared with %s; the schema reads none", partition.date, unread, earlier[-1].date)
    for changed in parquet_files.differing_kinds(types).values():
        logging.warning("%s: %s; the schema does not read it", partition.date, changed)


def _changes(before: set[str], now: set[str]) -> str:
    lists = (("lacks", before - now), ("has besides", now - before))
    return " and ".join(f"{verb} {', '.join(sorted(names))}" for verb, names in lists if names)


def _require_volume(partition: Partition, num_rows: int, median: float | None, config: DayCheckConfig) -> None:
    if median is None:
        return
    ratio = num_rows / median
    for flag, is_out in (
        ("min_volume_ratio", ratio < config.min_volume_ratio),
        ("max_volume_ratio", ratio > config.max_volume_ratio),
    ):
        if is_out:
            raise DayCheckError(
                f"{partition.date} has {num_rows:,} rows, {ratio:.3g} times the median {median:,.0f} of the days "
                f"before, {'below' if flag.startswith('min') else 'above'} --{flag}={getattr(config, flag):g}. Look "
                "whether the partition is whole and written once, or give another bound if the day was like that. "
                f"{_skip(partition)}"
            )


def _require_not_repeated(partition: Partition, repeats: day_figures.Repeats | None, config: DayCheckConfig) -> None:
    if repeats is not None and repeats.fraction > config.max_repeated_fraction:
        raise DayCheckError(
            f"{repeats.num_interactions:,} of the {repeats.num_different:,} different interactions of "
            f"{partition.date}, a share of {repeats.fraction:.3f}, are those of {repeats.date} at the same time of "
            f"day, above --max_repeated_fraction={config.max_repeated_fraction:g}: it looks like the same data again. "
            "Write the partition again, or raise --max_repeated_fraction if the log has no time of day and the same is "
            f"chosen day after day. {_skip(partition)}"
        )


def _require_times_within(partition: Partition, figures: DayFigures, config: DayCheckConfig) -> None:
    if not figures.num_outside:
        return
    # Of none inside the date there is nothing left.
    most = min(config.max_outside_fraction * figures.num_interactions, figures.num_interactions - 1)
    if figures.num_outside > most:
        raise DayCheckError(
            f"Every interaction of {partition.date} must be from {_moment(partition.begin)} to before "
            f"{_moment(partition.end)}, but {figures.num_outside:,} of {figures.num_interactions:,} are not; they all "
            f"are from {_moment(figures.first_microseconds)} to {_moment(figures.last_microseconds)}. Write the "
            "partition again with the interactions of its UTC date, correct --slice_days or the schema's "
            f"timestamp_unit, or raise --max_outside_fraction to drop them. {_skip(partition)}"
        )
    logging.warning("%s: %d interactions of other dates are dropped", partition.date, figures.num_outside)


def _require_known(partition: Partition, side: str, new: NewIds | None, bound: float) -> None:
    if new is not None and new.fraction > bound and _is_unusual(new):
        raise DayCheckError(
            f"{new.num_interactions:,} interactions of {partition.date}, a share of {new.fraction:.3f}, are of "
            f"{new.num_ids:,} {side} ids that no day before has, above --max_new_{side}_fraction={bound:g}: the ids "
            f"may be written in another way than before. Write the partition again, or raise --max_new_{side}_fraction "
            f"if they are new indeed. {_skip(partition)}"
        )


def _is_unusual(new: NewIds) -> bool:
    """Returns whether so many new ids are no chance, by those of the day before.

    There are logs in which most queries are new each day, such as sessions. Where there is no day to compare with,
    a single id that is known shows that ids are written as they were.
    """
    if new.num_ids_before is None:
        return new.num_ids == new.num_ids_of_day
    chance = distribution_shift.chance_of_as_many(
        new.num_ids, new.num_ids_of_day, new.num_ids_before, new.num_ids_of_day_before
    )
    return chance < _CHANCE


def _skip(partition: Partition) -> str:
    return f"--skip_date={partition.date} goes on without the day."


def _moment(microseconds: int) -> str:
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)
    return f"{moment.isoformat(sep=' ')} UTC"
