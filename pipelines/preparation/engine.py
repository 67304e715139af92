"""The relational engine: DuckDB in this process, reached through Ibis expressions.

Everything else in preparation is an Ibis expression. Rows stay in the engine
and in Parquet files; only counts and single values come back to Python.
"""

import concurrent.futures
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import tqdm

from pipelines.preparation.engine_errors import CsvFlag, readable_errors

_ROW_GROUP_ROWS = 122_880
_POLL_SECONDS = 0.2
_SHOW_PROGRESS_AFTER_SECONDS = 10.0

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


class DuckDbEngine:
    """Reads sources, keeps intermediate tables on disk, writes sorted Parquet files.

    Args:
      scratch_dir: existing directory for intermediate tables and spilled rows.
      memory_limit: such as `2GB`; `None` is four fifths of the machine's memory.
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

    def __enter__(self) -> "DuckDbEngine":
        return self

    def __exit__(self, *exception: object) -> None:
        self._backend.disconnect()

    def read_parquet(self, paths: Sequence[pathlib.Path]) -> ir.Table:
        """Returns one table over files that hold the same columns."""
        with readable_errors(f"reading {_named(paths)}", self._csv_flags):
            files = [str(path) for path in paths]
            table = self._backend.read_parquet(files, union_by_name=len(paths) > 1, hive_partitioning=False)
            return self._with_known_types(table)

    def read_csv(self, paths: Sequence[pathlib.Path], columns: Sequence[str], delimiter: str, role: str) -> ir.Table:
        """Returns one table of strings over files with a header; an empty field is null.

        Args:
          paths: files with the same header.
          columns: the names in the header.
          delimiter: between fields.
          role: the flag that named the files, for a sentence about a row that cannot be read.
        """
        self._csv_flags += [CsvFlag(path, role, delimiter) for path in paths]
        with readable_errors(f"reading {_named(paths)}", self._csv_flags):
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
        target = str(path).replace("'", "''")
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_ROWS}"
        statement = f"COPY ({self._typed(table)}) TO '{target}' ({options})"
        self._run(lambda: self._backend.raw_sql(statement), f"writing {path.name}")

    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result, such as counts by reason, as one dict a row."""
        return self._run(lambda: self._backend.to_pyarrow(table).to_pylist(), "counting")

    def rows_summed_in_order(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result computed by one thread, so that float sums have one order and one value."""
        threads = self._backend.raw_sql("SELECT current_setting('threads')").fetchone()[0]
        self._backend.raw_sql("SET threads = 1")
        try:
            return self.rows(table)
        finally:
            self._backend.raw_sql(f"SET threads = {threads}")

    def _with_known_types(self, table: ir.Table) -> ir.Table:
        """Casts nanosecond times with a zone, which the engine knows and Ibis does not, to microseconds."""
        unknown = [
            f"CAST({_quoted(name)} AS TIMESTAMPTZ) AS {_quoted(name)}"
            for name, dtype in table.schema().items()
            if dtype.is_unknown() and "TIMESTAMPTZ_NS" in str(dtype)
        ]
        if not unknown:
            return table
        view = f"{table.get_name()}_in_microseconds"
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

    def _run(self, work: Callable[[], Any], doing: str) -> Any:
        """Runs a statement beside this thread, which draws its progress and hears Ctrl-C."""
        with readable_errors(doing, self._csv_flags), concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(work)
            try:
                self._show_progress(future, doing)
            except BaseException:
                self._backend.con.interrupt()
                raise
            return future.result()

    def _show_progress(self, future: concurrent.futures.Future, doing: str) -> None:
        # A log file gets a line every ten seconds, not five a second.
        interval = 0.1 if sys.stderr.isatty() else _SHOW_PROGRESS_AFTER_SECONDS
        with tqdm.tqdm(
            total=100, desc=doing, unit="%", delay=_SHOW_PROGRESS_AFTER_SECONDS, mininterval=interval, leave=False
        ) as bar:
            while not concurrent.futures.wait([future], timeout=_POLL_SECONDS).done:
                bar.update(max(0, int(self._backend.con.query_progress()) - bar.n))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _named(paths: Sequence[pathlib.Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
