"""Preparing a large log in bounded time and memory, beside a plain read of the same bytes.

    python -m benchmarks.ingest_preparation prepare LOG PREPARED_DIR
    python -m benchmarks.ingest_preparation scan LOG

each runs alone, as a process of its own, and prints a JSON object.
"""

import json
import pathlib
import sys
import time

import pyarrow.dataset as ds

from benchmarks import own_process
from pipelines import prepare_data

_MODULE = "benchmarks.ingest_preparation"
_LIMIT_BYTES = 2_500_000_000
_LIMIT_SECONDS = 240.0


def beside_a_scan(log: pathlib.Path, prepared_dir: pathlib.Path) -> dict:
    """Prepares the log as the job does by default, and reads all its columns with pyarrow, each in its own process."""
    scanned = scan(log)
    prepared = own_process.measure(_MODULE, "prepare", log, prepared_dir)
    return {
        "rows": [
            {"reader": "pyarrow_scan", **scanned},
            {"reader": "prepare_data", **prepared},
        ],
        "bytes_of_the_log": log.stat().st_size,
        "times_the_scan": prepared["seconds"] / scanned["seconds"],
        "limit_of_peak_memory_bytes": _LIMIT_BYTES,
        "limit_of_seconds": _LIMIT_SECONDS,
        "holds": prepared["peak_memory_bytes"] < _LIMIT_BYTES and prepared["process_seconds"] < _LIMIT_SECONDS,
    }


def scan(log: pathlib.Path) -> dict:
    """Returns seconds, rows and peak of memory of reading all columns of a Parquet file, or of all in a directory."""
    return own_process.measure(_MODULE, "scan", log)


def _prepare(log: str, prepared_dir: str) -> dict:
    config = prepare_data.PrepareConfig(interactions=log, prepared_dir=prepared_dir)
    started = time.perf_counter()
    manifest = prepare_data.run(config).manifest
    return {
        "seconds": time.perf_counter() - started,
        "interactions": sum(manifest["counts"]["interactions"].values()) + sum(manifest["drops"].values()),
        "peak_memory_bytes": own_process.peak_bytes(),
    }


def _scan(log: str) -> dict:
    started = time.perf_counter()
    rows = sum(batch.num_rows for batch in ds.dataset(log).to_batches())
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "interactions": rows, "peak_memory_bytes": own_process.peak_bytes()}


if __name__ == "__main__":
    print(json.dumps({"prepare": _prepare, "scan": _scan}[sys.argv[1]](*sys.argv[2:])))
