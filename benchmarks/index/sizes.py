"""What each kind of index costs as the corpus grows: time to build, export and load, memory, time of an answer."""

import pathlib
import tempfile
from collections.abc import Sequence

from benchmarks import own_process
from benchmarks.index import exports
from pipelines import job, machine

# Building held 9 times the vectors at most, with the corpus itself, its answers and TensorFlow's copies.
_MEMORY_IN_VECTORS = 12
_DIM = 64


def measure(sizes: Sequence[int], kinds: Sequence[str] = exports.KINDS) -> dict:
    """Returns a row for each size and kind; every approximate index must find what it is tuned to.

    A size that the machine's memory does not allow has a row that says so.
    """
    rows = []
    for num_candidates in sizes:
        for kind in kinds:
            needed, available = num_candidates * _DIM * 4 * _MEMORY_IN_VECTORS, machine.available_memory_bytes()
            row = {"candidates": num_candidates, "index": kind}
            if available is not None and needed > available:
                rows.append({**row, "left_out": f"needs about {needed >> 30} GiB, {available >> 30} GiB are free"})
                continue
            with job.stage(f"Exporting and loading {kind} over {num_candidates:,} candidates"):
                rows.append({**row, **_measured(kind, num_candidates)})
    measured = [row for row in rows if "left_out" not in row]
    return {"rows": rows, "holds": all(row["index_recall_at_10"] >= exports.TARGET for row in measured)}


def _measured(kind: str, num_candidates: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        made = own_process.measure("benchmarks.index.exported", kind, num_candidates, pathlib.Path(folder))
        return {**made, **own_process.measure("benchmarks.index.loaded", pathlib.Path(folder))}
