"""Loads one export as the server does, in a process of its own, and asks it; prints time and memory.

    python -m benchmarks.index.loaded FOLDER

FOLDER is what `benchmarks.index.exported` wrote.
"""

import json
import pathlib
import sys
import time

import numpy as np

from benchmarks import own_process
from benchmarks.index import exports
from serving import signatures
from serving.server import servable


def main(folder: pathlib.Path) -> None:
    """Measures, and prints one JSON line."""
    queries = np.load(folder / "queries.npy")
    before, started = own_process.resident_bytes(), time.perf_counter()
    model = servable.Servable.load("shop", 1, folder / "1")
    load_seconds, started = time.perf_counter() - started, time.perf_counter()

    def ask(vectors: np.ndarray) -> object:
        return model.run(signatures.RECOMMEND, {"vector": vectors})

    ask(queries[:1])
    first_answer_seconds = time.perf_counter() - started
    times = exports.timed({"export": ask}, queries)["export"]
    resident_bytes = own_process.resident_bytes() - before
    model.close()
    print(
        json.dumps(
            {
                **times,
                "load_seconds": load_seconds,
                "first_answer_seconds": first_answer_seconds,
                "resident_bytes": resident_bytes,
                "peak_bytes_of_load": own_process.peak_bytes() - before,
            }
        )
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
