"""Starts Spark: its Java process, quiet and in UTC, with its files in the scratch directory."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading

import py4j.protocol
import pyspark.errors
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from pipelines.preparation.errors import PreparationError

_OLDEST_JAVA = 17
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
# Spark refuses a smaller driver: it sets 300 MiB aside and wants half as much again.
_SMALLEST_DRIVER_MIB = 512
_LOG_LINES = 3

_SQL_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # A sum or cast that does not fit is an error, as on DuckDB, and no other number.
    "spark.sql.ansi.enabled": "true",
    # Days before 1583 as they are written, and times in nanoseconds as integers, which are cut to microseconds later.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.parquet.compression.codec": "zstd",
}


def open_session(
    scratch_dir: pathlib.Path, memory_limit: str | None, master: str, held: int | None = None
) -> tuple[SparkSession, bool]:
    """Returns a session with our settings, and whether Spark was started for it.

    A Spark that runs in this process already is used as it is, through a session of its own.

    Args:
      scratch_dir: for what Spark spills, and its log.
      memory_limit: of the driver, such as `2GB`; `None` is half of the machine's memory on a local master.
      master: such as `local[*]`.
      held: descriptor that the Java process inherits and keeps open as long as it lives.

    Raises:
      PreparationError: if Java is missing or too old, or Spark does not start.
    """
    running = SparkSession.getActiveSession()
    session = _start(scratch_dir, memory_limit, master, held) if running is None else running.newSession()
    for name, value in _SQL_SETTINGS.items():
        session.conf.set(name, value)
    return session, running is None


def driver_mebibytes(memory_limit: str) -> int:
    """Returns a size such as `2GB` or `2GiB` in whole MiB.

    Raises:
      PreparationError: if it is below what Spark's driver needs.
    """
    number, unit, binary = re.fullmatch(r"([0-9]+) ?([KMGT]?)(i?)B", memory_limit).groups()
    size = int(number) * (1024 if binary else 1000) ** _UNITS[unit] >> 20
    if size < _SMALLEST_DRIVER_MIB:
        raise PreparationError(
            f"--engine_memory_limit={memory_limit} is less than Spark's driver needs, {_SMALLEST_DRIVER_MIB}MiB; "
            "raise it, or use --engine=duckdb."
        )
    return size


def require_java() -> None:
    """Checks that Java is there and new enough.

    Raises:
      PreparationError: if not, with what to install.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(pathlib.Path(home) / "bin" / "java") if home else shutil.which("java")
    remedy = "install Java 17 (Debian, Ubuntu: apt-get install openjdk-17-jre-headless), or use --engine=duckdb."
    try:
        asked = subprocess.run([java or "java", "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        where = f"JAVA_HOME={home} has no working bin/java" if home else "there is no `java` on the PATH"
        raise PreparationError(f"--engine=spark needs Java {_OLDEST_JAVA} or newer, but {where}; {remedy}") from error
    version = re.search(r'version "(?:1\.)?([0-9]+)', asked.stderr + asked.stdout)
    if version and int(version[1]) < _OLDEST_JAVA:
        raise PreparationError(
            f"--engine=spark needs Java {_OLDEST_JAVA} or newer, but {java} is Java {version[1]}; {remedy}"
        )


def _start(scratch_dir: pathlib.Path, memory_limit: str | None, master: str, held: int | None) -> SparkSession:
    require_java()
    conf = SparkConf(loadDefaults=True)
    conf.setAll(list(_settings(scratch_dir, memory_limit, master).items()))
    handler, log = signal.getsignal(signal.SIGINT), scratch_dir / "spark.log"
    try:
        with log.open("ab") as output:
            # Java says much at its start that no setting silences; the log's end is quoted if it fails.
            process = {"stdout": output, "stderr": output, "pass_fds": [] if held is None else [held]}
            gateway = SparkContext._gateway or launch_gateway(conf, process)
        return SparkSession(SparkContext(conf=conf, gateway=gateway))
    except (pyspark.errors.PySparkException, py4j.protocol.Py4JError, OSError) as error:
        raise PreparationError(f"Spark does not start with --spark_master={master}: {_end(log, error)}.") from error
    finally:
        # Spark's own handler knows nothing of how the job ends.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _settings(scratch_dir: pathlib.Path, memory_limit: str | None, master: str) -> dict[str, str]:
    is_local = master.startswith("local")
    settings = {
        "spark.app.name": "prepare_data",
        "spark.master": master,
        "spark.local.dir": str(scratch_dir / "spill"),
        "spark.sql.warehouse.dir": (scratch_dir / "warehouse").absolute().as_uri(),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    if is_local:
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    if memory_limit is not None:
        settings["spark.driver.memory"] = f"{driver_mebibytes(memory_limit)}m"
    elif is_local:
        settings["spark.driver.memory"] = f"{max(_SMALLEST_DRIVER_MIB, _half_of_memory())}m"
    return settings


def _half_of_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 21


def _end(log: pathlib.Path, error: BaseException) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if line.startswith(("Error", "Caused by", "Exception"))] or lines[-_LOG_LINES:]
    return " / ".join(lines[:_LOG_LINES] or str(error).splitlines()[:1]).rstrip(".")
