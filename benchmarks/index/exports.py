"""Exports to be measured: an index over a corpus behind towers that pass on vectors."""

import functools
import os
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from benchmarks.index import corpora
from serving import saved_model, served_recommender, signatures, tensor_proto
from serving.index import candidate_filter, candidate_index, factory, retriever, tuning
from serving.server import servable

K = 10
BATCH = 64
TARGET = 0.95
KINDS = ("brute_force", "scann", "partitioned", "partitioned_float16")
_NUM_TUNING = 1000
# Calls at the head of a turn, which fill the caches.
_NOT_COUNTED = 2


class Passing(tf.keras.layers.Layer):
    """A tower that passes on what it is given, so that the rest of a request is measured."""

    def __init__(self, dim: int, name: str):
        super().__init__(name=name)
        self.embedding_dim = dim

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """One vector for each row."""
        return {"vector": tf.TensorSpec([None, self.embedding_dim], tf.float32, name="vector")}

    def call(self, inputs: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Returns the vectors."""
        return inputs["vector"]


def build(kind: str, corpus: corpora.Corpus) -> tuple[candidate_index.CandidateIndex, dict]:
    """Returns an index over the corpus, tuned to index_recall@10 of .95 on half of the queries, and what it took.

    `memory_in_vectors` is what the index keeps beside ids, divided by the size of the vectors as float32.
    """
    ids = [f"c{row}" for row in range(len(corpus.vectors))]
    started = time.perf_counter()
    storage = "float16" if kind.endswith("_float16") else "float32"
    index = factory.build_index(kind.removesuffix("_float16"), ids, corpus.vectors, K, storage=storage)
    build_seconds, started = time.perf_counter() - started, time.perf_counter()
    exact = functools.partial(corpora.best_rows, corpus.vectors)
    tuning.tune(index, corpus.queries[1::2][:_NUM_TUNING], K, exact, TARGET)
    tuning_seconds = time.perf_counter() - started
    judges, answers = corpus.queries[::2], corpus.exact[::2]
    recall = {f"index_recall_at_{k}": tuning.index_recall(index, judges, answers[:, :k]) for k in (K, 100)}
    return index, {
        "build_seconds": build_seconds,
        "tuning_seconds": tuning_seconds,
        "memory_in_vectors": _num_bytes(index) / corpus.vectors.nbytes,
        "parameters": index.parameters,
        **recall,
    }


def _num_bytes(index: candidate_index.CandidateIndex) -> int:
    numeric = (each for each in index.variables if each.dtype != tf.string)
    of_ids = {id(each) for module in index.submodules for each in module.variables if "lookup" in module.name}
    return sum(int(tf.size(each)) * each.dtype.size for each in numeric if id(each) not in of_ids)


def served(
    index: candidate_index.CandidateIndex,
    filters: Sequence[candidate_filter.CandidateFilter] = (),
    max_k: int = 1000,
) -> served_recommender.ServedRecommender:
    """Returns what is exported over an index, with towers that pass on vectors."""
    dim = index.embedding_dim
    query, candidate = Passing(dim, "query"), Passing(dim, "candidate")
    return served_recommender.ServedRecommender(
        query, candidate, retriever.Retriever(index, filters), "cosine", K, min(max_k, index.num_candidates)
    )


def write(module: tf.Module, path: str | os.PathLike[str]) -> None:
    """Writes an export, or a module whose `function` is its only signature."""
    if isinstance(module, served_recommender.ServedRecommender):
        saved_model.write_saved_model(module, path)
        return
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    tf.saved_model.save(module, os.fspath(path), signatures={signatures.RECOMMEND: module.function}, options=options)


def load(path: str | os.PathLike[str]) -> Callable[..., dict[str, tf.Tensor]]:
    """Loads an export; returns its signature as a function of query vectors, and of other inputs by name."""
    loaded = tf.saved_model.load(os.fspath(path))
    function = loaded.signatures[signatures.RECOMMEND]
    specs = function.structured_input_signature[1]
    nothing = {name: tf.zeros([0] * spec.shape.rank, spec.dtype) for name, spec in specs.items() if name != "vector"}

    def ask(vectors: np.ndarray, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return function(vector=tf.constant(vectors), **(nothing | inputs))

    # The variables live as long as what was loaded.
    ask.loaded = loaded
    return ask


def load_as_server(path: str | os.PathLike[str]) -> Callable[..., dict[str, np.ndarray]]:
    """Loads an export as the model server does, through TensorFlow's session; returns its signature as a function."""
    model = servable.Servable.load("shop", 1, pathlib.Path(path))
    declared = model.signature_defs[signatures.RECOMMEND].inputs
    nothing = {
        name: np.zeros([0] * len(info.tensor_shape.dim), tensor_proto.numpy_dtype(info.dtype))
        for name, info in declared.items()
    }
    return lambda vectors: model.run(signatures.RECOMMEND, nothing | {"vector": vectors})


def timed(
    functions: dict[str, Callable[[np.ndarray], object]], queries: np.ndarray, num_turns: int = 5
) -> dict[str, dict[str, float]]:
    """Returns medians and 99th percentiles of single queries and of batches of 64, in milliseconds.

    The functions take turns of many calls, as each would be alone on a server; after every other call they would find
    the caches full of another's vectors.
    """
    seconds = {name: {1: [], BATCH: []} for name in functions}
    for size, calls_per_turn in ((1, 100), (BATCH, 12)):
        for turn in range(num_turns):
            for name, function in functions.items():
                for call in range(calls_per_turn):
                    begin = (turn * calls_per_turn + call) * size % (len(queries) - size)
                    vectors = queries[begin : begin + size]
                    started = time.perf_counter()
                    tf.nest.map_structure(np.asarray, function(vectors))
                    if call >= _NOT_COUNTED:
                        seconds[name][size].append(time.perf_counter() - started)
    return {
        name: {
            "milliseconds": 1e3 * float(np.median(each[1])),
            "p99_milliseconds": 1e3 * float(np.quantile(each[1], 0.99)),
            "batch_of_64_milliseconds": 1e3 * float(np.median(each[BATCH])),
            "batch_of_64_p99_milliseconds": 1e3 * float(np.quantile(each[BATCH], 0.99)),
        }
        for name, each in seconds.items()
    }
