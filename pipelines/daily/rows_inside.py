"""Partitions without the rows whose time is of another date.

A day is asked for, trained on and learned up to by its times, so that one row of next week would hide a week of
interactions from training. A day's check counts them, as `num_outside`, and lets a few through; in a partition of the
window that was never done as a day, such as one before the first, they are counted here.
"""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence

import ibis
import ibis.expr.types as ir

from pipelines.daily import day_rows
from pipelines.daily.partitions import Partition
from pipelines.preparation import columns, interactions, sources
from pipelines.preparation.engine import Engine
from pipelines.preparation.engines import EngineOptions, open_engine
from tfrs_model.schema import Schema

_ROLE = "interactions_dir"
_SCRATCH = ".inside.tmp-"


def count(
    partitions: Sequence[Partition],
    schema: Schema,
    directory: pathlib.Path,
    engine_memory_limit: str | None = None,
) -> dict[str, int]:
    """Returns how many rows of partitions have a time of another date, by first date as YYYY-MM-DD.

    Args:
      partitions: each with one file at least; they may have no rows.
      schema: which column is what.
      directory: for rows that do not fit into memory; made if there is none.
      engine_memory_limit: such as `2GB`; `None` leaves it to the engine.

    Raises:
      EarlierDayError: if a partition cannot be read.
    """
    if not partitions:
        return {}
    directory.mkdir(parents=True, exist_ok=True)
    with _engine(directory, engine_memory_limit) as engine:
        return {each.date.isoformat(): _num_outside(engine, each, schema) for each in partitions}


def files(
    partitions: Sequence[Partition],
    num_outside: Mapping[str, int],
    schema: Schema,
    directory: pathlib.Path,
    engine_memory_limit: str | None = None,
) -> list[pathlib.Path]:
    """Returns the files of partitions, and of those that have rows outside their date a copy without these.

    Args:
      partitions: each with one file at least.
      num_outside: how many rows are outside, by first date as YYYY-MM-DD; a date that is not named has none.
      schema: which column is what; a copy holds what it reads.
      directory: where the copies go, under the same names each time; emptied before.
      engine_memory_limit: such as `2GB`; `None` leaves it to the engine.

    Raises:
      PreparationError: if a partition cannot be read.
    """
    shutil.rmtree(directory, ignore_errors=True)
    found: list[pathlib.Path] = []
    for partition in partitions:
        if not num_outside.get(partition.date.isoformat()):
            found += partition.paths
            continue
        directory.mkdir(parents=True, exist_ok=True)
        found.append(directory / f"{partition.date}.parquet")
        with _engine(directory, engine_memory_limit) as engine:
            _write(engine, partition, schema, found[-1])
    return found


@contextlib.contextmanager
def _engine(directory: pathlib.Path, memory_limit: str | None) -> Iterator[Engine]:
    scratch_of_run = tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=directory)
    options = EngineOptions(memory_limit=memory_limit)
    with scratch_of_run as scratch, open_engine(options, pathlib.Path(scratch)) as engine:
        yield engine


def _num_outside(engine: Engine, partition: Partition, schema: Schema) -> int:
    with day_rows.readable_earlier(partition):
        if not partition.num_rows():
            return 0
        types = day_rows.column_types(partition, schema)
        source = sources.Source(_ROLE, partition.paths, sources.PARQUET, tuple(types))
        interactions.require_interaction_columns(source, schema.interactions, False, schema.context_features)
        log = source.open(engine)
        outside = log.filter(_is_outside(log, partition, schema))
        return engine.rows(outside.aggregate(num=outside.count()))[0]["num"]


def _write(engine: Engine, partition: Partition, schema: Schema, path: pathlib.Path) -> None:
    read = sorted(day_rows.columns_read(schema))
    source = sources.Source(_ROLE, partition.paths, sources.PARQUET, tuple(read))
    log = source.open(engine).select(*read)
    engine.write_parquet(log.filter(~_is_outside(log, partition, schema)), path)


def _is_outside(log: ir.Table, partition: Partition, schema: Schema) -> ir.BooleanValue:
    """Returns whether a time can be read and is of another date; one that cannot is left for preparation to count."""
    roles = schema.interactions
    where = f"Column {roles.timestamp!r} (interactions.timestamp)"
    reading = columns.timestamp(log[roles.timestamp], where, roles.timestamp_unit)
    is_other = (reading.value < partition.begin) | (reading.value >= partition.end)
    is_unreadable = ibis.or_(*(condition for condition, _ in reading.faults))
    return ibis.ifelse(is_unreadable, False, is_other).fill_null(False)
