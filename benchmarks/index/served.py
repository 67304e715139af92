"""What a search costs inside a SavedModel: this project's indexes, TFRS's layers, and what the search alone takes."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from benchmarks.index import corpora, exports
from benchmarks.index.exports import TARGET, K
from pipelines import job
from serving import served_recommender, signatures
from serving.index import scann_index

_SEARCHER = "scann, Python searcher"
_AS_SERVER = "%s, as the server runs it"
_NUM_SMALL_TURNS = 25


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


def measure(corpus: corpora.Corpus) -> dict:
    """Returns what every kind of index takes, and whether ScaNN and the partitioned index keep their limits."""
    functions: dict[str, Callable[[np.ndarray], object]] = {}
    built: dict[str, dict] = {}
    for kind in exports.KINDS:
        with job.stage(f"Building {kind} over {corpus.name}"):
            index, built[kind] = exports.build(kind, corpus)
            functions[kind] = _loaded(exports.served(index))
        if kind == "scann":
            functions[_SEARCHER] = _python_searcher(corpus, index)
            functions["identity"] = _loaded(identity(exports.served(index)))
            functions[_AS_SERVER % kind] = _loaded(exports.served(index), exports.load_as_server)
            functions[_AS_SERVER % "identity"] = _loaded(identity(exports.served(index)), exports.load_as_server)
        del index
    for kind in ("tfrs_brute_force", "tfrs_scann"):
        with job.stage(f"Building {kind} over {corpus.name}"):
            functions[kind] = _loaded(tfrs_layer(kind, corpus))
    times = exports.timed(functions, corpus.queries)
    # Small differences: taken often, and without others in between that would empty the caches.
    small = ("scann", "identity", _SEARCHER, _AS_SERVER % "scann", _AS_SERVER % "identity")
    times |= exports.timed({name: functions[name] for name in small}, corpus.queries, _NUM_SMALL_TURNS)
    rows = [{"search": name, **times[name], **built.get(name, {})} for name in functions]
    added = _added(times)
    ratios = {
        size: times["brute_force"][size] / times["partitioned"][size]
        for size in ("milliseconds", "batch_of_64_milliseconds")
    }
    return {
        "corpus": corpus.name,
        "scann_added_milliseconds": added,
        "partitioned_times_faster": ratios,
        "rows": rows,
        "holds": added["server"] <= 0.1
        and built["scann"]["index_recall_at_10"] >= TARGET
        and built["partitioned"]["index_recall_at_10"] >= TARGET
        and ratios["milliseconds"] >= 10
        and ratios["batch_of_64_milliseconds"] >= 8
        and built["partitioned"]["memory_in_vectors"] <= 1.1
        and built["partitioned_float16"]["memory_in_vectors"] <= 0.55,
    }


def _added(times: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Returns what ScaNN takes beyond its searcher and a signature that searches nothing, by what loaded them."""
    searched = times[_SEARCHER]["milliseconds"]
    return {
        loader: times[form % "scann"]["milliseconds"] - times[form % "identity"]["milliseconds"] - searched
        for loader, form in (("server", _AS_SERVER), ("saved_model_load", "%s"))
    }


def _loaded(
    module: tf.Module, load: Callable[[pathlib.Path], Callable] = exports.load
) -> Callable[[np.ndarray], dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "export"
        exports.write(module, path)
        return load(path)


def _python_searcher(corpus: corpora.Corpus, index: scann_index.ScannIndex) -> Callable[[np.ndarray], object]:
    from scann.scann_ops.py import scann_ops_pybind

    names = [field.name for field in dataclasses.fields(scann_index.ScannParameters)]
    parameters = scann_index.ScannParameters(**{name: index.parameters[name] for name in names})
    searcher = scann_index.configure(scann_ops_pybind.builder(corpus.vectors, K, "dot_product"), parameters).build()
    depth = parameters.num_reordering_candidates

    def search(vectors: np.ndarray) -> object:
        if len(vectors) == 1:
            return searcher.search(vectors[0], final_num_neighbors=K, pre_reorder_num_neighbors=depth)
        return searcher.search_batched_parallel(vectors, final_num_neighbors=K, pre_reorder_num_neighbors=depth)

    return search
