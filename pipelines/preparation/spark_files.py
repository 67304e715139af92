"""Parquet files as Spark takes them: under names it accepts, and with the types that DuckDB gives them."""

import pathlib
import re
from collections.abc import Collection

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.functions import lit
from pyspark.sql.types import ArrayType, DataType, LongType, NullType

_REFUSED = (
    lambda arrow: arrow == pa.uuid(),
    pa.types.is_time,
    pa.types.is_float16,
    pa.types.is_decimal256,
)
_GLOB_CHARACTERS = re.compile(r"([\\*?\[\]{}])")


def address(path: pathlib.Path, links: pathlib.Path) -> str:
    """Returns a file or folder as Spark takes it literally.

    Args:
      path: where it is.
      links: existing directory; a file that Spark would pass over as hidden, such as `_log.parquet`, is linked there.
    """
    path = path.absolute()
    if path.name.startswith(("_", ".")):
        link = links / f"{sum(1 for _ in links.iterdir())}.parquet"
        link.symlink_to(path)
        path = link
    return "file:" + _GLOB_CHARACTERS.sub(r"\\\1", str(path))


def types_of(path: pathlib.Path) -> tuple[tuple[str, pa.DataType], ...]:
    """Returns names and types of a file's columns."""
    schema = pq.read_schema(path)
    return tuple(zip(schema.names, schema.types, strict=True))


def only(
    types: tuple[tuple[str, pa.DataType], ...], columns: Collection[str] | None
) -> tuple[tuple[str, pa.DataType], ...]:
    """Returns those of a file's columns that are read; `None` for all.

    What is left out may be of another type in another file, of which a union would make none.
    """
    return types if columns is None else tuple(each for each in types if each[0] in columns)


def unreadable_columns(types: tuple[tuple[str, pa.DataType], ...]) -> list[str]:
    """Returns the columns of types that Spark cannot read, not even to pass over them."""
    return [name for name, arrow in types if any(is_refused(arrow) for is_refused in _REFUSED)]


def with_duckdb_types(frame: DataFrame, types: tuple[tuple[str, pa.DataType], ...]) -> DataFrame:
    """Returns a file's columns, the awkward ones read as DuckDB reads them.

    Args:
      frame: what Spark makes of the file.
      types: what is in the file.
    """
    found = {field.name: field.dataType for field in frame.schema.fields}
    return frame.selectExpr(*(f"{_read(name, arrow, found[name])} AS {quoted(name)}" for name, arrow in types))


def with_known_types(frame: DataFrame) -> DataFrame:
    """Returns the table with columns that are null in every file as integers, empty lists as lists of text."""
    known = {}
    for field in frame.schema.fields:
        if isinstance(field.dataType, NullType):
            known[field.name] = lit(None).cast("int")
        elif isinstance(field.dataType, ArrayType) and isinstance(field.dataType.elementType, NullType):
            known[field.name] = frame[quoted(field.name)].cast("array<string>")
    return frame.withColumns(known) if known else frame


def _read(name: str, arrow: pa.DataType, spark: DataType) -> str:
    column = quoted(name)
    if pa.types.is_null(arrow):
        return "NULL"  # It takes the type that other files have.
    if pa.types.is_list(arrow) and pa.types.is_null(arrow.value_type):
        return "array()"  # So do its values.
    if pa.types.is_timestamp(arrow) and isinstance(spark, LongType):
        # Nanoseconds, which Spark has no type for.
        return f"timestamp_micros({column} div 1000)"
    if arrow == pa.uint64():
        return f"CAST({column} AS STRING)"  # Else a decimal; every use of integers reads their text as well.
    if pa.types.is_list(arrow) and arrow.value_type == pa.uint64():
        return f"CAST({column} AS ARRAY<STRING>)"
    return column


def quoted(name: str) -> str:
    """Returns a column's name as Spark SQL spells it."""
    return "`" + name.replace("`", "``") + "`"
