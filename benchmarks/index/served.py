"""What a search costs inside a SavedModel: this project's indexes, TFRS's layers, and what the search alone takes."""

import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from benchmarks import own_process
from benchmarks.index import corpora
from pipelines import job
from serving import saved_model, served_recommender, signatures
from serving.index import brute_force, candidate_index, partitioned, retriever, scann_index, tuning

K = 10
_BATCH = 64
_NUM_TURNS = 5
# Calls at the head of a turn, which fill the caches.
_NOT_COUNTED = 2
_NUM_TUNING = 500
_TARGET = 0.95


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


class _Function(tf.Module):
    """A function of a query vector as the only signature, beside which it may take inputs that it does not read."""

    def __init__(
        self, dim: int, search: Callable, unread: Mapping[str, tf.TensorSpec] | None = None, **tracked: object
    ):
        super().__init__()
        self.tracked = tracked
        specs = {"vector": tf.TensorSpec([None, dim], tf.float32), **(unread or {})}
        self.function = tf.function(lambda vector, **others: search(vector)).get_concrete_function(
            **{name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in specs.items()}
        )


def build(kind: str, corpus: corpora.Corpus, tune: bool = True) -> tuple[candidate_index.CandidateIndex, dict]:
    """Returns an index over the corpus, tuned to index_recall@10 of .95 on half of the queries, and what it took."""
    ids = [f"c{row}" for row in range(len(corpus.vectors))]
    before, started = own_process.peak_bytes(), time.perf_counter()
    if kind == "brute_force":
        index: candidate_index.CandidateIndex = brute_force.BruteForceIndex(ids, corpus.vectors)
    elif kind == "scann":
        index = scann_index.ScannIndex(ids, corpus.vectors, K)
    else:
        storage = "float16" if kind.endswith("float16") else "float32"
        parameters = partitioned.PartitionedParameters.for_corpus(len(ids), storage)
        index = partitioned.PartitionedIndex(ids, corpus.vectors, parameters)
    build_seconds = time.perf_counter() - started
    if tune:
        tuning.tune(index, corpus.queries[1::2][:_NUM_TUNING], corpus.exact[1::2, :K][:_NUM_TUNING], _TARGET + 0.005)
    recall = {
        f"index_recall_at_{k}": tuning.index_recall(index, corpus.queries[::2], corpus.exact[::2, :k]) for k in (K, 100)
    }
    return index, {
        "build_seconds": build_seconds,
        "peak_growth_bytes": own_process.peak_bytes() - before,
        "parameters": index.parameters,
        **recall,
    }


def served(index: candidate_index.CandidateIndex, filters=()) -> served_recommender.ServedRecommender:
    """Returns what is exported over an index, with towers that pass on vectors."""
    dim = index.embedding_dim
    query, candidate = Passing(dim, "query"), Passing(dim, "candidate")
    return served_recommender.ServedRecommender(
        query, candidate, retriever.Retriever(index, filters), "cosine", K, min(1000, index.num_candidates)
    )


def load(module: tf.Module | served_recommender.ServedRecommender) -> Callable[[np.ndarray], dict]:
    """Saves and loads a model, and returns its signature as a function of query vectors with nothing else given."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "export")
        if isinstance(module, served_recommender.ServedRecommender):
            saved_model.write_saved_model(module, path)
        else:
            options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
            tf.saved_model.save(module, path, signatures={signatures.RECOMMEND: module.function}, options=options)
        loaded = tf.saved_model.load(path)
    function = loaded.signatures[signatures.RECOMMEND]
    specs = function.structured_input_signature[1]
    given = {name: tf.zeros([0] * spec.shape.rank, spec.dtype) for name, spec in specs.items() if name != "vector"}

    def ask(vectors: np.ndarray) -> dict:
        return function(vector=tf.constant(vectors), **given)

    ask.loaded = loaded
    return ask


def identity(served_over: served_recommender.ServedRecommender) -> tf.Module:
    """Returns a signature of the same inputs and outputs that searches nothing."""

    def answer(vector: tf.Tensor) -> dict[str, tf.Tensor]:
        shape = [tf.shape(vector)[0], K]
        return {
            signatures.CANDIDATE_IDS: tf.fill(shape, "c0"),
            signatures.SCORES: tf.fill(shape, tf.reduce_sum(vector)),
            signatures.VALID: tf.fill(shape, True),
        }

    specs = dict(served_over.input_specs(signatures.RECOMMEND))
    del specs["vector"]
    return _Function(served_over.index.embedding_dim, answer, specs)


def tfrs_layer(kind: str, corpus: corpora.Corpus) -> tf.Module:
    """Returns TFRS's layer over the corpus as a signature, with its defaults but for ScaNN's number of leaves."""
    if kind == "tfrs_brute_force":
        layer = tfrs.layers.factorized_top_k.BruteForce(k=K)
    else:
        leaves = round(len(corpus.vectors) ** 0.5)
        layer = tfrs.layers.factorized_top_k.ScaNN(k=K, num_leaves=leaves, num_leaves_to_search=max(1, leaves // 10))
    layer.index(tf.constant(corpus.vectors), tf.constant([f"c{row}" for row in range(len(corpus.vectors))]))

    def answer(vector: tf.Tensor) -> dict[str, tf.Tensor]:
        scores, ids = layer(vector)
        return {signatures.CANDIDATE_IDS: ids, signatures.SCORES: scores}

    return _Function(corpus.vectors.shape[1], answer, layer=layer)


def timed(functions: dict[str, Callable[[np.ndarray], object]], corpus: corpora.Corpus) -> dict[str, dict[str, float]]:
    """Returns medians and 99th percentiles of single queries and of batches of 64, in milliseconds.

    The functions take turns of many calls, as each would be alone on a server; after every other call they would find
    the caches full of another's vectors.
    """
    seconds = {name: {1: [], _BATCH: []} for name in functions}
    for size, calls_per_turn in ((1, 100), (_BATCH, 12)):
        for turn in range(_NUM_TURNS):
            for name, function in functions.items():
                for call in range(calls_per_turn):
                    begin = (turn * calls_per_turn + call) * size % (len(corpus.queries) - size)
                    vectors = corpus.queries[begin : begin + size]
                    started = time.perf_counter()
                    tf.nest.map_structure(np.asarray, function(vectors))
                    if call >= _NOT_COUNTED:
                        seconds[name][size].append(time.perf_counter() - started)
    return {
        name: {
            "milliseconds": 1e3 * float(np.median(each[1])),
            "p99_milliseconds": 1e3 * float(np.quantile(each[1], 0.99)),
            "batch_of_64_milliseconds": 1e3 * float(np.median(each[_BATCH])),
            "batch_of_64_p99_milliseconds": 1e3 * float(np.quantile(each[_BATCH], 0.99)),
        }
        for name, each in seconds.items()
    }


def measure(corpus: corpora.Corpus) -> dict:
    """Returns what every kind of index takes, and whether ScaNN and the partitioned index keep their limits."""
    functions: dict[str, Callable[[np.ndarray], object]] = {}
    built: dict[str, dict] = {}
    for kind in ("brute_force", "scann", "partitioned", "partitioned_float16"):
        with job.stage(f"Building {kind} over {corpus.name}"):
            index, built[kind] = build(kind, corpus)
            functions[kind] = load(served(index))
        if kind == "scann":
            searcher = _python_searcher(corpus, index)
            functions["scann, Python searcher"] = searcher
            functions["identity"] = load(identity(served(index)))
        del index
    for kind in ("tfrs_brute_force", "tfrs_scann"):
        with job.stage(f"Building {kind} over {corpus.name}"):
            functions[kind] = load(tfrs_layer(kind, corpus))
    times = timed(functions, corpus)
    rows = [{"search": name, **times[name], **built.get(name, {})} for name in functions]
    added = (
        times["scann"]["milliseconds"]
        - times["scann, Python searcher"]["milliseconds"]
        - times["identity"]["milliseconds"]
    )
    ratios = {
        size: times["brute_force"][size] / times["partitioned"][size]
        for size in ("milliseconds", "batch_of_64_milliseconds")
    }
    return {
        "corpus": corpus.name,
        "scann_added_milliseconds": added,
        "partitioned_times_faster": ratios,
        "rows": rows,
        "holds": added <= 0.1
        and built["scann"]["index_recall_at_10"] >= _TARGET
        and built["partitioned"]["index_recall_at_10"] >= _TARGET
        and ratios["milliseconds"] >= 10
        and ratios["batch_of_64_milliseconds"] >= 8,
    }


def _python_searcher(corpus: corpora.Corpus, index: scann_index.ScannIndex) -> Callable[[np.ndarray], object]:
    from scann.scann_ops.py import scann_ops_pybind

    parameters = scann_index.ScannParameters(**index.parameters)
    searcher = scann_index.configure(scann_ops_pybind.builder(corpus.vectors, K, "dot_product"), parameters).build()
    depth = parameters.num_reordering_candidates

    def search(vectors: np.ndarray) -> object:
        if len(vectors) == 1:
            return searcher.search(vectors[0], final_num_neighbors=K, pre_reorder_num_neighbors=depth)
        return searcher.search_batched_parallel(vectors, final_num_neighbors=K, pre_reorder_num_neighbors=depth)

    return search
