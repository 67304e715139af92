"""DuckDB in this process: the default engine."""

import pathlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import machine
from pipelines.preparation import record_batches
from pipelines.preparation.duckdb_errors import CsvFlag, readable_errors
from pipelines.preparation.engine import Engine, named, run_with_progress

_ROW_GROUP_ROWS = 122_880

# Each thread sorts and compresses in buffers of its own. With more than this, 20 million interactions on two cores
# were prepared no faster; with less, a machine of many cores has too little for each to begin with.
_MEMORY_BYTES_OF_A_THREAD = 750_000_000
_FEWEST_THREADS = 2

_SETTINGS = (
    # Text without a zone is UTC.
    "SET TimeZone = 'UTC'",
    # Progress is counted by the engine and drawn here.
    "SET enable_progress_bar = true",
    "SET enable_progress_bar_print = false",
    # DuckDB 2.0 takes a Parquet file's smallest and largest value as proof that no value is NaN, which writers do
    # not promise, and then answers isnan with false.
    "SET disabled_optimizers = 'statistics_propagation'",
    # Some versions of Ibis's SQL writer still spell lambdas with the arrow.
    "SET lambda_syntax = 'ENABLE_SINGLE_ARROW'",
)

# The first that is in a type's name counts.
_KNOWN_TYPES = {"TIMESTAMPTZ_NS": "TIMESTAMPTZ", '"NULL"[]': "VARCHAR[]", '"NULL"': "INTEGER"}


class DuckDbEngine(Engine):
    """Runs expressions on DuckDB, with rows spilled beyond a limit of memory.

    Args:
      scratch_dir: existing directory for intermediate tables and spilled rows.
      memory_limit: such as `2GB`, beyond which rows spill to disk; `None` is 750 MB for each thread, at least
        1.5 GB, but no more than four fifths of the memory that is free.
    """

    def __init__(self, scratch_dir: pathlib.Path, memory_limit: str | None = None):
        self._scratch_dir = scratch_dir
        self._csv_flags: list[CsvFlag] = []
        settings = {"temp_directory": str(scratch_dir / "spill")}
        if memory_limit is not None:
            settings["memory_limit"] = memory_limit
        with readable_errors("opening the engine", self._csv_flags):
            self._backend = ibis.duckdb.connect(**settings)
            for statement in _SETTINGS:
                self._backend.raw_sql(statement)
            if memory_limit is None:
                self._backend.raw_sql(f"SET memory_limit = '{_memory_limit_bytes(self._num_threads())}B'")

    def __exit__(self, *exception: object) -> None:
        """Closes the connection."""
        self._backend.disconnect()

    def read_parquet(self, paths: Sequence[pathlib.Path], columns: Collection[str] | None = None) -> ir.Table:
        """Returns one table over files that hold the same columns, as far as they are read."""
        with readable_errors(f"reading {named(paths)}", self._csv_flags):
            files = [str(path) for path in paths]
            table = self._backend.read_parquet(files, union_by_name=len(paths) > 1, hive_partitioning=False)
            if columns is not None:
                table = table.select(*(name for name in table.columns if name in columns))
            return self._with_known_types(table)

    def read_csv(self, paths: Sequence[pathlib.Path], columns: Sequence[str], delimiter: str, role: str) -> ir.Table:
        """Returns one table of strings over files with a header; a row that cannot be read is named when it is read."""
        self._csv_flags += [CsvFlag(path, role, delimiter) for path in paths]
        with readable_errors(f"reading {named(paths)}", self._csv_flags):
            return self._backend.read_csv(
                [str(path) for path in paths],
                columns=dict.fromkeys(columns, "VARCHAR"),
                delim=delimiter,
                quote='"',
                escape='"',
                header=True,
            )

    def materialise(self, table: ir.Table, name: str) -> ir.Table:
        """Computes a table once, on disk, and returns it."""
        path = self._scratch_dir / f"{name}.parquet"
        self.write_parquet(table, path)
        return self.read_parquet([path])

    def write_parquet(self, table: ir.Table, path: pathlib.Path) -> None:
        """Writes a table in its order and with its types; the same rows give the same bytes."""
        self._copy(self._typed(table), path)

    def join_files(self, parts: Sequence[pathlib.Path], path: pathlib.Path) -> None:
        """Writes the rows of Parquet files, one after the other, as `write_parquet` writes the same rows."""
        schema = pq.read_schema(parts[0]).remove_metadata()
        # In whole row groups: where a part ends in the middle of the engine's vectors, a row group would end elsewhere.
        batches = record_batches.regrouped(record_batches.of_files(parts), _ROW_GROUP_ROWS)
        self._backend.con.register("parts", pa.RecordBatchReader.from_batches(schema, batches))
        self._copy("SELECT * FROM parts", path)
        self._backend.con.unregister("parts")

    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result, such as counts by reason, as one dict a row."""
        return self._run(lambda: self._backend.to_pyarrow(table).to_pylist(), "counting")

    def rows_summed_in_order(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result computed by one thread, so that float sums have one order and one value."""
        threads = self._num_threads()
        self._backend.raw_sql("SET threads = 1")
        try:
            return self.rows(table)
        finally:
            self._backend.raw_sql(f"SET threads = {threads}")

    def _num_threads(self) -> int:
        return self._backend.raw_sql("SELECT current_setting('threads')").fetchone()[0]

    def _with_known_types(self, table: ir.Table) -> ir.Table:
        """Casts what Ibis does not know: nanosecond times with a zone, columns of nulls or empty lists alone."""
        unknown = [
            f"CAST({_quoted(name)} AS {known[0]}) AS {_quoted(name)}"
            for name, dtype in table.schema().items()
            if dtype.is_unknown() and (known := [each for mark, each in _KNOWN_TYPES.items() if mark in str(dtype)])
        ]
        if not unknown:
            return table
        view = f"{table.get_name()}_with_known_types"
        self._backend.raw_sql(
            f'CREATE TEMP VIEW "{view}" AS SELECT * REPLACE ({", ".join(unknown)}) FROM "{table.get_name()}"'
        )
        return self._backend.table(view)

    def _typed(self, table: ir.Table) -> str:
        """Casts every column to its declared type: the engine's sum of int64 is 128 bits, its literal 1.0 a decimal."""
        types = self._backend.compiler.type_mapper
        casts = [
            f"CAST({_quoted(name)} AS {types.to_string(dtype)}) AS {_quoted(name)}"
            for name, dtype in table.schema().items()
        ]
        return f"SELECT {', '.join(casts)} FROM ({self._backend.compile(table)})"

    def _copy(self, query: str, path: pathlib.Path) -> None:
        target = str(path).replace("'", "''")
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_ROWS}"
        statement = f"COPY ({query}) TO '{target}' ({options})"
        self._run(lambda: self._backend.raw_sql(statement), f"writing {path.name}")

    def _run(self, work: Callable[[], Any], doing: str) -> Any:
        with readable_errors(doing, self._csv_flags):
            return run_with_progress(work, doing, self._backend.con.query_progress, self._backend.con.interrupt)


def _memory_limit_bytes(num_threads: int) -> int:
    wanted = max(_FEWEST_THREADS, num_threads) * _MEMORY_BYTES_OF_A_THREAD
    available = machine.available_memory_bytes()
    return wanted if available is None else min(wanted, available * 4 // 5)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
