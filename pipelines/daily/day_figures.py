"""What a day's interactions are, beside those of the days before."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence

import ibis.expr.types as ir

from pipelines.daily import day_rows
from pipelines.daily import drift as drift_lib
from pipelines.daily.partitions import Partition
from pipelines.preparation import interactions
from pipelines.preparation.engine import Engine
from pipelines.preparation.engines import EngineOptions, open_engine
from tfrs_model.diagnostics import distribution_shift
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID, Schema


@dataclasses.dataclass(frozen=True)
class NewIds:
    """What is of ids that no day before has.

    Attributes:
      num_interactions: with such ids.
      num_ids: how many different ids they are.
      num_ids_of_day: how many the day has in all.
      fraction: of the day's interactions, those with new ids.
      num_ids_before: how many were new on the last day before, to the days before that; `None` if there are none.
      num_ids_of_day_before: how many that day has in all; `None` likewise.
    """

    num_interactions: int
    num_ids: int
    num_ids_of_day: int
    fraction: float
    num_ids_before: int | None = None
    num_ids_of_day_before: int | None = None


@dataclasses.dataclass(frozen=True)
class Repeats:
    """The day before that has most of the same interactions at the same time of day.

    Attributes:
      date: that day, as YYYY-MM-DD; `None` if no day has any.
      num_interactions: different interactions that it has too.
      num_different: different interactions of the day itself.
      fraction: the one of the other.
    """

    date: str | None
    num_interactions: int
    num_different: int
    fraction: float


@dataclasses.dataclass(frozen=True)
class DayFigures:
    """What a day holds; `None` is what cannot be said without a day before, or of a day without rows.

    Attributes:
      date: its first day, as YYYY-MM-DD.
      num_rows: as they are written; 0 is a day without data.
      median_num_rows: of the days before that have rows.
      drops: rows that preparation will refuse, by reason.
      num_interactions: the others, duplicates counted each time.
      num_queries: how many different ones.
      num_candidates: how many different ones.
      num_outside: interactions whose time is not of the day.
      first_microseconds: the earliest interaction, since 1970 UTC.
      last_microseconds: the latest.
      new_queries: interactions of queries that no day before has.
      new_candidates: interactions with candidates that no day before has.
      repeats: interactions that a day before has.
      drift: of candidates' popularity and of the log's categorical columns.
    """

    date: str
    num_rows: int
    median_num_rows: float | None = None
    drops: dict[str, int] = dataclasses.field(default_factory=dict)
    num_interactions: int = 0
    num_queries: int = 0
    num_candidates: int = 0
    num_outside: int = 0
    first_microseconds: int | None = None
    last_microseconds: int | None = None
    new_queries: NewIds | None = None
    new_candidates: NewIds | None = None
    repeats: Repeats | None = None
    drift: tuple[drift_lib.Drift, ...] = ()

    def as_json(self) -> dict:
        """Returns the figures as a JSON object."""
        return dataclasses.asdict(self) | {"drift": [dataclasses.asdict(each) for each in self.drift]}


def measure(
    partition: Partition,
    earlier: Sequence[Partition],
    schema: Schema,
    engine_memory_limit: str | None = None,
    work_dir: pathlib.Path | None = None,
) -> DayFigures:
    """Reads a day and the days before it; memory is that of the engine, and rows beyond it are on disk.

    Args:
      partition: the day, with one row at least.
      earlier: the days before it, each with one row at least.
      schema: which column is what.
      engine_memory_limit: such as `2GB`; `None` leaves it to the engine.
      work_dir: existing directory for rows on disk, emptied again; `None` for the system's own.

    Raises:
      PreparationError: if a column is missing or cannot be read.
    """
    options = EngineOptions(memory_limit=engine_memory_limit)
    with tempfile.TemporaryDirectory(dir=work_dir) as scratch, open_engine(options, pathlib.Path(scratch)) as engine:
        rows = day_rows.read(engine, partition, schema, "day")
        figures = _of_day(engine, rows, partition)
        if not earlier or not figures.num_interactions:
            return figures
        before = day_rows.read_all(engine, earlier, schema)
        return dataclasses.replace(figures, **_of_both(engine, day_rows.accepted(rows), before, schema))


def _of_day(engine: Engine, rows: ir.Table, partition: Partition) -> DayFigures:
    total, drops = interactions.count_by_reason(engine, rows)
    day = day_rows.accepted(rows)
    outside = (day.timestamp < partition.begin) | (day.timestamp >= partition.end)
    counts = _one(
        engine,
        day.aggregate(
            num_interactions=day.count(),
            num_queries=day[QUERY_ID].nunique(),
            num_candidates=day[CANDIDATE_ID].nunique(),
            num_outside=outside.sum().fill_null(0).cast("int64"),
            first_microseconds=day.timestamp.min(),
            last_microseconds=day.timestamp.max(),
        ),
    )
    return DayFigures(str(partition.date), total, drops=drops, **counts)


def _of_both(engine: Engine, day: ir.Table, before: ir.Table, schema: Schema) -> dict:
    return {
        "new_queries": _new_ids(engine, day, before, QUERY_ID),
        "new_candidates": _new_ids(engine, day, before, CANDIDATE_ID),
        "repeats": _repeats(engine, day, before),
        "drift": tuple(drift_lib.measure(engine, day, before, schema.context_features)),
    }


def _new_ids(engine: Engine, day: ir.Table, before: ir.Table, column: str) -> NewIds:
    new, num_ids, num_ids_of_day = _new_rows(engine, day, before, column)
    num_new = _count(engine, new)
    found = NewIds(num_new, num_ids, num_ids_of_day, distribution_shift.share(num_new, _count(engine, day)))
    newest = _one(engine, before.aggregate(date=before[day_rows.DATE].max()))["date"]
    days_before = before.filter(before[day_rows.DATE] != newest)
    if not _count(engine, days_before):
        return found
    last_day = before.filter(before[day_rows.DATE] == newest)
    _, num_ids_before, num_ids_of_day_before = _new_rows(engine, last_day, days_before, column)
    return dataclasses.replace(found, num_ids_before=num_ids_before, num_ids_of_day_before=num_ids_of_day_before)


def _new_rows(engine: Engine, day: ir.Table, before: ir.Table, column: str) -> tuple[ir.Table, int, int]:
    """Returns the rows of ids that are not before, how many ids these are, and how many the day has."""
    new = day.anti_join(before.select(column).distinct(), column)
    return new, *(_one(engine, each.aggregate(num=each[column].nunique()))["num"] for each in (new, day))


def _repeats(engine: Engine, day: ir.Table, before: ir.Table) -> Repeats:
    keys = day.select(*day_rows.KEY).distinct()
    same = before.semi_join(keys, list(day_rows.KEY)).select(day_rows.DATE, *day_rows.KEY).distinct()
    by_date = same.group_by(day_rows.DATE).aggregate(same=same.count())
    # Of two days that have as many, the later.
    found = max(((each["same"], each[day_rows.DATE]) for each in engine.rows(by_date)), default=(0, None))
    num_different = _count(engine, keys)
    return Repeats(found[1], found[0], num_different, distribution_shift.share(found[0], num_different))


def _count(engine: Engine, table: ir.Table) -> int:
    return _one(engine, table.aggregate(num=table.count()))["num"]


def _one(engine: Engine, table: ir.Table) -> dict:
    return engine.rows(table)[0]
