"""Exports of a million candidates behind the server: what it adds, how they bear load, what batching brings.

Batching can only save what a batch takes less than its rows do one by one. Brute force reads all vectors once for a
batch instead of once for each row. A search of ScaNN takes a fraction of what the request takes in Python, batching or
not, so that its gain is told and not judged.
"""

import contextlib
import pathlib
import statistics
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from benchmarks.index import corpora, exports
from benchmarks.serving_load import servers
from pipelines import job, local_server
from serving import manifest, signatures
from serving.server import servable

_MODEL = "shop"
_MOST_ADDED_MILLISECONDS = 1.0
_LEAST_GAIN = 1.5
_NUM_TURNS = 5
_SECONDS = 3.0
_NUM_IN_PROCESS = 300
_LOADS = (0.3, 0.6, 0.9)
_LOAD_SECONDS = 10.0
_MANY_CLIENTS = 64
_BATCHING = "max_batch_size { value: 64 } batch_timeout_micros { value: 2000 } num_batch_threads { value: 1 }"
_GAINING = "brute_force"


def measure(num_candidates: int) -> dict:
    """Returns what the server adds to a request, latencies under load, and the gain of batching with 64 clients."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "batching.config").write_text(_BATCHING)
        corpus = corpora.fitted(num_candidates)
        asker = servers.Asker("grpc", [_request(query) for query in corpus.queries], folder)
        base_paths = {kind: _export(kind, corpus, folder / kind) for kind in ("scann", _GAINING)}
        with _serving(base_paths["scann"]) as port:
            added = _added(base_paths["scann"], corpus.queries, asker, port)
            loaded = _under_load(asker, port)
        gains = {kind: _gain(base_path, asker, folder) for kind, base_path in base_paths.items()}
    return {
        "candidates": num_candidates,
        **added,
        "rows": loaded,
        "batching": gains,
        "holds": added["added_milliseconds"] <= _MOST_ADDED_MILLISECONDS
        and gains[_GAINING]["gain"] >= _LEAST_GAIN
        and not any(row["failed"] for row in loaded),
    }


def _export(kind: str, corpus: corpora.Corpus, base_path: pathlib.Path) -> pathlib.Path:
    with job.stage(f"Exporting {kind} over {len(corpus.vectors):,} candidates"):
        index, _ = exports.build(kind, corpus)
        exports.write(exports.served(index), base_path / "1")
        manifest.write_manifest(base_path / "1", {})
    return base_path


@contextlib.contextmanager
def _serving(base_path: pathlib.Path, *flags: str) -> Iterator[int]:
    (port,) = local_server.free_ports(1)
    base = [f"--model_name={_MODEL}", f"--model_base_path={base_path}", f"--port={port}", "--verbosity=-1"]
    with servers.running(port, "serving.server", *base, *flags):
        yield port


def _request(query: np.ndarray) -> bytes:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = _MODEL
    request.inputs["vector"].CopyFrom(tf.make_tensor_proto(query[np.newaxis]))
    return request.SerializeToString()


def _added(base_path: pathlib.Path, queries: np.ndarray, asker: servers.Asker, port: int) -> dict:
    """Returns medians of single requests in process and through the server, in turns."""
    model = servable.Servable.load(_MODEL, 1, base_path / "1")
    in_process, served = [], []
    for _ in range(_NUM_TURNS):
        seconds = []
        for query in queries[:_NUM_IN_PROCESS]:
            started = time.perf_counter()
            model.run(signatures.RECOMMEND, {"vector": query[np.newaxis]})
            seconds.append(time.perf_counter() - started)
        in_process.append(1e3 * statistics.median(seconds))
        served.append(asker.ask(port, 1, _SECONDS)["p50_milliseconds"])
    model.close()
    added = [through - within for through, within in zip(served, in_process, strict=True)]
    return {
        "in_process_milliseconds": statistics.median(in_process),
        "served_milliseconds": statistics.median(served),
        "added_milliseconds": statistics.median(added),
    }


def _under_load(asker: servers.Asker, port: int) -> list[dict]:
    """Returns latencies at shares of what eight clients that ask at once again get answered."""
    sustained = statistics.median(asker.ask(port, 8, _SECONDS)["requests_per_second"] for _ in range(_NUM_TURNS))
    return [
        {
            "load": share,
            "sustained_requests_per_second": round(sustained),
            **asker.ask(port, 1, _LOAD_SECONDS, share * sustained),
        }
        for share in _LOADS
    ]


def _gain(base_path: pathlib.Path, asker: servers.Asker, folder: pathlib.Path) -> dict:
    """Returns requests a second of 64 clients without and with batching, and the median of their ratios."""
    # Each request under way has a thread, with batching or without.
    threads = f"--grpc_max_threads={2 * _MANY_CLIENTS}"
    batching = ("--enable_batching", f"--batching_parameters_file={folder / 'batching.config'}")
    with _serving(base_path, threads) as alone, _serving(base_path, threads, *batching) as batched:
        rates: dict[int, list[float]] = {alone: [], batched: []}
        for _ in range(_NUM_TURNS):
            for port, each in rates.items():
                each.append(asker.ask(port, _MANY_CLIENTS, _SECONDS)["requests_per_second"])
    gains = [together / single for single, together in zip(rates[alone], rates[batched], strict=True)]
    return {
        "alone_requests_per_second": round(statistics.median(rates[alone])),
        "batched_requests_per_second": round(statistics.median(rates[batched])),
        "gain": statistics.median(gains),
    }
