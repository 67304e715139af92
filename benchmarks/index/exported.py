"""Builds, tunes and writes one index over a fitted corpus, in a process of its own; prints what it took.

    python -m benchmarks.index.exported KIND NUM_CANDIDATES FOLDER

Besides the export in FOLDER/1, FOLDER/queries.npy holds vectors to ask it with.
"""

import json
import pathlib
import sys
import time

import numpy as np

from benchmarks import own_process
from benchmarks.index import corpora, exports
from serving import manifest


def main(kind: str, num_candidates: int, folder: pathlib.Path) -> None:
    """Measures, and prints one JSON line."""
    corpus = corpora.fitted(num_candidates)
    np.save(folder / "queries.npy", corpus.queries)
    before = own_process.peak_bytes()
    index, built = exports.build(kind, corpus)
    started = time.perf_counter()
    exports.write(exports.served(index), folder / "1")
    # A server reads every file of an export that has a manifest.
    manifest.write_manifest(folder / "1", {})
    export_seconds = time.perf_counter() - started
    num_bytes = sum(path.stat().st_size for path in (folder / "1").rglob("*") if path.is_file())
    graph_bytes = (folder / "1" / "saved_model.pb").stat().st_size
    print(
        json.dumps(
            {
                **built,
                "export_seconds": export_seconds,
                "export_bytes": num_bytes,
                "graph_bytes": graph_bytes,
                "peak_bytes": own_process.peak_bytes(),
                "peak_bytes_before": before,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]))
