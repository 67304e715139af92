"""The rows of partitions as an engine's tables, read by the schema as preparation reads a log."""

import contextlib
from collections.abc import Iterator, Sequence

import ibis
import ibis.expr.types as ir

from pipelines.daily.partitions import Partition
from pipelines.preparation import interactions, sources
from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import parquet_files
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID, Schema

# The time since the partition began, so that a day relabelled as another one is still known by it.
OFFSET = "offset"
DATE = "date"
KEY = (QUERY_ID, CANDIDATE_ID, OFFSET)
_ROLE = "interactions_dir"


class EarlierDayError(PreparationError):
    """A day before the one that is checked cannot be read; the message names it and the remedy."""


def columns_read(schema: Schema) -> frozenset[str]:
    """Returns the columns of a log that a schema reads; what else is in it may come and go."""
    return frozenset(interactions.columns_read(schema.interactions, False, schema.context_features))


def column_types(partition: Partition, schema: Schema) -> dict[str, object]:
    """Returns the types of a partition's columns by name; those that are read are alike in all its files.

    Raises:
      PreparationError: if a file is no complete Parquet, or its files differ.
    """
    types = {path: parquet_files.columns(_ROLE, path) for path in partition.paths}
    first, *others = types.items()
    for path, columns in others:
        if differs := (set(columns) ^ set(first[1])) & columns_read(schema):
            differing = ", ".join(sorted(differs))
            raise PreparationError(
                f"{path} and {first[0]} differ in the columns {differing}; write the partition again."
            )
    parquet_files.require_same_kinds(_ROLE, types, columns_read(schema))
    return first[1]


def read(engine: Engine, partition: Partition, schema: Schema, name: str) -> ir.Table:
    """Returns the rows of a partition, each with the first reason to refuse it, or null.

    Args:
      engine: reads, and keeps the rows on disk.
      partition: with one row at least.
      schema: says which column is what.
      name: of the table.

    Returns:
      What `interactions.read_interactions` returns, with `offset`, microseconds since the partition began, in
      [0, its length) also where the time is of another day.

    Raises:
      PreparationError: if a column is missing, or of a type that cannot be read.
    """
    source = sources.Source(_ROLE, partition.paths, sources.PARQUET, tuple(column_types(partition, schema)))
    interactions.require_interaction_columns(source, schema.interactions, False, schema.context_features)
    rows = interactions.read_interactions(
        source.open(engine), schema.interactions, False, None, schema.context_features
    )
    # No time is before 1970 where there is no reason, so the remainder is as of a clock after one more length.
    length = partition.microseconds
    offset = (rows.timestamp - partition.begin % length + length) % length
    return engine.materialise(rows.mutate(offset.cast("int64").name(OFFSET)), name)


def accepted(rows: ir.Table) -> ir.Table:
    """Returns the rows that nothing is wrong with."""
    return rows.filter(rows.reason.isnull()).drop("reason")


def read_all(engine: Engine, partitions: Sequence[Partition], schema: Schema) -> ir.Table:
    """Returns the accepted rows of several partitions with their `date` as text, in one table on disk.

    Raises:
      EarlierDayError: if one cannot be read.
    """
    tables = []
    for place, each in enumerate(partitions):
        with readable_earlier(each):
            rows = accepted(read(engine, each, schema, f"earlier_{place}"))
        tables.append(rows.mutate(ibis.literal(str(each.date)).name(DATE)))
    return tables[0].union(*tables[1:]) if len(tables) > 1 else tables[0]


@contextlib.contextmanager
def readable_earlier(partition: Partition) -> Iterator[None]:
    """Says of what a day before cannot be read for that it is that day's, as no skipping of a later one mends it.

    Raises:
      EarlierDayError: in place of a PreparationError.
    """
    try:
        yield
    except PreparationError as error:
        raise EarlierDayError(
            f"{str(error).rstrip('.')}. The file is of {partition.date}, which later days are compared with and "
            f"prepared with: put it back as it was, or write it again and give --backfill_from={partition.date}."
        ) from error
