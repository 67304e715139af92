"""Opens an engine by its name."""

import dataclasses
import pathlib

from pipelines.preparation.duckdb_engine import DuckDbEngine
from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError

ENGINES = ("duckdb", "spark")


@dataclasses.dataclass(frozen=True)
class EngineOptions:
    """Where preparation runs; the tables are the same.

    Attributes:
      name: one of `ENGINES`.
      memory_limit: such as `2GB`: of DuckDB, or of Spark's driver; `None` leaves it to the engine.
      spark_master: address of Spark's master; `local[*]` is this machine.
    """

    name: str = "duckdb"
    memory_limit: str | None = None
    spark_master: str = "local[*]"


def open_engine(options: EngineOptions, scratch_dir: pathlib.Path, held: int | None = None) -> Engine:
    """Returns the engine, to be used as a context manager.

    Args:
      options: which, and with how much memory.
      scratch_dir: existing directory for intermediate tables and spilled rows.
      held: descriptor that holds the directory, for a process that the engine starts; `None` if nothing does.

    Raises:
      PreparationError: if the engine is unknown, or what it needs is not installed; with the remedy.
    """
    if options.name == "duckdb":
        return DuckDbEngine(scratch_dir, options.memory_limit)
    if options.name == "spark":
        return _spark_engine(options, scratch_dir, held)
    raise PreparationError(f"--engine must be one of {', '.join(ENGINES)}, but is {options.name!r}.")


def _spark_engine(options: EngineOptions, scratch_dir: pathlib.Path, held: int | None) -> Engine:
    # PySpark is an extra, so it is imported only when it is asked for.
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise PreparationError(
            "--engine=spark needs PySpark, which is not installed; install the extra `spark` "
            "(pip install -c constraints.txt '.[spark]'), or use --engine=duckdb."
        ) from error
    from pipelines.preparation.spark_engine import SparkEngine

    return SparkEngine(scratch_dir, options.memory_limit, options.spark_master, held)
