"""Spark, on this machine or a cluster that shares its file system."""

import functools
import pathlib
import shutil
from collections.abc import Callable, Collection, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.pyspark.datatypes import PySparkType
from pyspark.sql import DataFrame

from pipelines.preparation import spark_files
from pipelines.preparation.duckdb_engine import DuckDbEngine
from pipelines.preparation.engine import Engine, named, run_with_progress
from pipelines.preparation.spark_dialect import SparkDialect
from pipelines.preparation.spark_errors import readable_errors
from pipelines.preparation.spark_session import open_session

# What reads CSV and joins the parts of a file beside Spark; both stream.
_FILES_MEMORY = "1GB"

# One task reads and adds, whatever the number of cores and files.
_ONE_TASK = {
    "spark.sql.files.maxPartitionBytes": str(1 << 50),
    "spark.sql.files.minPartitionNum": "1",
    "spark.sql.shuffle.partitions": "1",
}


class SparkEngine(Engine):
    """Runs expressions on Spark, with rows spilled beyond the driver's or the executors' memory.

    CSV files are read, and the parts that Spark writes are joined into one
    file, by DuckDB, so that a row is the same and a file has the same bytes
    on both engines.

    Args:
      scratch_dir: existing directory for intermediate tables and spilled rows; on a cluster one that all share.
      memory_limit: of the driver, such as `2GB`; `None` is half of the machine's memory on a local master.
      master: address of Spark's master, such as `local[*]`.
      held: descriptor that holds `scratch_dir`, for the Java process to inherit.
    """

    def __init__(
        self,
        scratch_dir: pathlib.Path,
        memory_limit: str | None = None,
        master: str = "local[*]",
        held: int | None = None,
    ):
        self._scratch_dir = scratch_dir.absolute()
        self._csv_tables: dict[tuple[pathlib.Path, ...], pathlib.Path] = {}
        self._views = 0
        self._links = self._scratch_dir / "links"
        # What a run that was killed left there is of its own session.
        shutil.rmtree(self._links, ignore_errors=True)
        self._links.mkdir()
        self._session, self._owns_spark = open_session(self._scratch_dir, memory_limit, master, held)
        self._backend = ibis.pyspark.connect(self._session)
        self._backend.compiler = SparkDialect()
        self._files = DuckDbEngine(self._scratch_dir, _FILES_MEMORY)

    def __exit__(self, *exception: object) -> None:
        """Ends Spark if it was started here."""
        self._files.__exit__(*exception)
        if self._owns_spark:
            self._session.stop()

    def read_parquet(self, paths: Sequence[pathlib.Path], columns: Collection[str] | None = None) -> ir.Table:
        """Returns one table over files that hold the same columns, as far as they are read."""
        alike: dict[tuple, list[str]] = {}
        for path in paths:
            readable = self._readable(path)
            alike.setdefault(spark_files.types_of(readable), []).append(spark_files.address(readable, self._links))
        with readable_errors(f"reading {named(paths)}"):
            frames = [
                spark_files.with_duckdb_types(self._session.read.parquet(*addresses), spark_files.only(types, columns))
                for types, addresses in alike.items()
            ]
            return self._as_table(spark_files.with_known_types(functools.reduce(DataFrame.unionByName, frames)))

    def read_csv(self, paths: Sequence[pathlib.Path], columns: Sequence[str], delimiter: str, role: str) -> ir.Table:
        """Returns one table of strings over files with a header, whose rows are read here and now."""
        converted = self._csv_tables.get(tuple(paths))
        if converted is None:
            converted = self._scratch_dir / f"csv_{len(self._csv_tables)}.parquet"
            self._files.write_parquet(self._files.read_csv(paths, columns, delimiter, role), converted)
            self._csv_tables[tuple(paths)] = converted
        return self.read_parquet([converted])

    def materialise(self, table: ir.Table, name: str) -> ir.Table:
        """Computes a table once, on disk, and returns it."""
        parts = self._write_parts(table, name)
        with readable_errors(f"reading {name}"):
            return self._as_table(self._session.read.parquet(spark_files.address(parts, self._links)))

    def write_parquet(self, table: ir.Table, path: pathlib.Path) -> None:
        """Writes a table in its order and with its types; the same rows give the same bytes."""
        parts = self._write_parts(table, f"parts_of_{path.name}")
        self._files.join_files(sorted(parts.glob("part-*.parquet")), path)
        shutil.rmtree(parts)

    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result, such as counts by reason, as one dict a row."""
        return self._run(lambda: [row.asDict() for row in self._frame(table).collect()], "counting")

    def rows_summed_in_order(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result computed by one task, so that float sums have one order and one value."""
        before = {name: self._session.conf.get(name, None) for name in _ONE_TASK}
        for name, value in _ONE_TASK.items():
            self._session.conf.set(name, value)
        try:
            return self.rows(table)
        finally:
            for name, value in before.items():
                self._session.conf.unset(name) if value is None else self._session.conf.set(name, value)

    def _readable(self, path: pathlib.Path) -> pathlib.Path:
        """Returns the file, or a copy of it that holds the columns that Spark cannot read as text or floats."""
        unreadable = spark_files.unreadable_columns(spark_files.types_of(path))
        if not unreadable:
            return path
        table, copy = (
            self._files.read_parquet([path]),
            self._links / f"{path.stem}_{len(list(self._links.iterdir()))}.parquet",
        )
        text = [name for name in unreadable if not table[name].type().is_numeric()]
        self._files.write_parquet(table.mutate(**{name: table[name].cast("string") for name in text}), copy)
        return copy

    def _write_parts(self, table: ir.Table, name: str) -> pathlib.Path:
        """Writes a table as a folder of files, in order by name."""
        parts = self._scratch_dir / name
        target = "file:" + str(parts)  # A place to write is never a pattern.
        self._run(lambda: self._frame(table).write.mode("overwrite").parquet(target), f"writing {name}")
        return parts

    def _frame(self, table: ir.Table) -> DataFrame:
        """Casts every column to its declared type, which an expression of Spark need not have."""
        frame = self._session.sql(self._backend.compile(table))
        types = {name: PySparkType.from_ibis(dtype) for name, dtype in table.schema().items()}
        return frame.select(*(frame[spark_files.quoted(name)].cast(each) for name, each in types.items()))

    def _as_table(self, frame: DataFrame) -> ir.Table:
        self._views += 1
        frame.createOrReplaceTempView(f"preparation_{self._views}")
        return self._backend.table(f"preparation_{self._views}")

    def _run(self, work: Callable[[], Any], doing: str) -> Any:
        context = self._session.sparkContext
        with readable_errors(doing):
            return run_with_progress(work, doing, self._percentage, context.cancelAllJobs)

    def _percentage(self) -> float:
        """Returns how many tasks are done of the stages that run."""
        tracker = self._session.sparkContext.statusTracker()
        stages = [tracker.getStageInfo(each) for each in tracker.getActiveStageIds()]
        tasks = sum(stage.numTasks for stage in stages if stage)
        return 100 * sum(stage.numCompletedTasks for stage in stages if stage) / tasks if tasks else 0.0
