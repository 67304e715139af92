"""Preparing a log that is larger than Spark's driver, beside DuckDB and a plain read of the same bytes.

    python -m benchmarks.ingest_spark LOG_DIRECTORY PREPARED_DIR ENGINE [MEMORY_LIMIT]

prepares with one engine alone, as a process of its own, and prints a JSON object.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import time

from benchmarks import ingest_log, ingest_preparation, own_process
from pipelines import job, prepare_data
from tfrs_model import schema as schema_lib

_FEWEST_BYTES = 3_000_000_000
_DRIVER = "1GiB"


def beside_duckdb(directory: str | pathlib.Path | None, num_bytes: int = _FEWEST_BYTES) -> dict:
    """Prepares one log on Spark with a driver of 1 GiB and on DuckDB as it is by default; their files must be the same.

    Args:
      directory: an existing directory for what is written meanwhile; `None` is the system's own for such files.
      num_bytes: size of the log; less than 3e9 never holds.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-spark-", dir=directory) as folder:
        log, prepared_dir = pathlib.Path(folder, "log"), pathlib.Path(folder, "prepared")
        log.mkdir()
        with job.stage("Writing the synthetic log of long ids") as counts:
            counts |= ingest_log.write_log_of_size(log, num_bytes)
        found_bytes = sum(path.stat().st_size for path in log.iterdir())
        scanned = ingest_preparation.scan(log)
        spark = _measured(log, prepared_dir, "spark", _DRIVER)
        duckdb = _measured(log, prepared_dir, "duckdb")
    files = {"spark": spark.pop("files"), "duckdb": duckdb.pop("files")}
    same = files["spark"] == files["duckdb"]
    return {
        "rows": [
            {"reader": "pyarrow_scan", **scanned},
            {"reader": "prepare_data on spark", **spark},
            {"reader": "prepare_data on duckdb", **duckdb},
        ],
        "bytes_of_the_log": found_bytes,
        "limit_of_bytes": _FEWEST_BYTES,
        "driver_memory": _DRIVER,
        "files": len(files["spark"]),
        "files_are_identical": same,
        "times_of_duckdb": spark["seconds"] / duckdb["seconds"],
        "holds": same and found_bytes >= _FEWEST_BYTES,
    }


def _measured(log: pathlib.Path, prepared_dir: pathlib.Path, *engine: str) -> dict:
    """Prepares in a process of its own, and removes at once what it wrote."""
    try:
        return own_process.measure("benchmarks.ingest_spark", log, prepared_dir, *engine)
    finally:
        shutil.rmtree(prepared_dir, ignore_errors=True)


def _prepare(log: str, prepared_dir: str, engine: str, memory_limit: str | None = None) -> dict:
    config = prepare_data.PrepareConfig(
        interactions=f"{log}/*.parquet",
        prepared_dir=prepared_dir,
        schema=schema_lib.Schema(schema_lib.InteractionColumns(weight="weight")),
        split="global_time",
        engine=engine,
        engine_memory_limit=memory_limit,
    )
    started = time.perf_counter()
    manifest = prepare_data.run(config).manifest
    return {
        "seconds": time.perf_counter() - started,
        "interactions": sum(manifest["counts"]["interactions"].values()) + sum(manifest["drops"].values()),
        "peak_memory_bytes": own_process.peak_bytes(),
        # Spark's session is closed by now, its Java process ends with this one.
        "peak_memory_bytes_of_java": own_process.peak_bytes_of_child("java"),
        "files": manifest["files"],
    }


if __name__ == "__main__":
    print(json.dumps(_prepare(*sys.argv[1:])))
