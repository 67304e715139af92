"""Approximate searches outside a SavedModel, each with the parameters that trade recall for speed."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.index import corpora
from pipelines import job

Setting = tuple[int, ...]
Search = Callable[[np.ndarray, Setting], np.ndarray]
# Of ScaNN and faiss: how many candidates are scored again exactly.
_REORDERED = (30, 60, 100, 200, 400, 1000)


@dataclasses.dataclass(frozen=True)
class Searcher:
    """A built searcher.

    Attributes:
      name: of the library and its index.
      curves: settings, of rising recall along each curve.
      search_one: returns the rows for one query `[dim]` and a setting.
      search_many: returns the rows for `[num_queries, dim]` and a setting.
    """

    name: str
    curves: Sequence[Sequence[Setting]]
    search_one: Search
    search_many: Search


def scann(corpus: corpora.Corpus, k: int) -> Searcher:
    """ScaNN with the parameters that this project sizes from the corpus."""
    from scann.scann_ops.py import scann_ops_pybind

    from serving.index import scann_index

    parameters = scann_index.ScannParameters.for_corpus(len(corpus.vectors), k)
    builder = scann_index.configure(scann_ops_pybind.builder(corpus.vectors, k, "dot_product"), parameters)
    searcher = builder.build()

    def search_one(query: np.ndarray, setting: Setting) -> np.ndarray:
        leaves, reordered = setting
        return searcher.search(
            query, final_num_neighbors=k, pre_reorder_num_neighbors=reordered, leaves_to_search=leaves
        )[0]

    def search_many(queries: np.ndarray, setting: Setting) -> np.ndarray:
        leaves, reordered = setting
        return searcher.search_batched(
            queries, final_num_neighbors=k, pre_reorder_num_neighbors=reordered, leaves_to_search=leaves
        )[0]

    return Searcher("scann", _curves(parameters.num_leaves), search_one, search_many)


def faiss_ivf_pq(corpus: corpora.Corpus, k: int) -> Searcher:
    """Faiss' inverted file with 4-bit product quantisation by fast scan and exact reordering."""
    faiss = _import("faiss", "faiss-cpu")
    faiss.omp_set_num_threads(2)
    num_candidates, dim = corpus.vectors.shape
    num_leaves = round(math.sqrt(num_candidates))
    index = faiss.index_factory(dim, f"IVF{num_leaves},PQ{dim // 2}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)
    index.train(corpus.vectors)
    index.add(corpus.vectors)
    faiss.omp_set_num_threads(1)
    inner = faiss.downcast_index(index.base_index)

    def search_many(queries: np.ndarray, setting: Setting) -> np.ndarray:
        inner.nprobe, reordered = setting
        index.k_factor = reordered / k
        return index.search(queries, k)[1]

    return Searcher(
        "faiss IVF, PQ x4 fast scan, exact reordering",
        _curves(num_leaves),
        lambda query, setting: search_many(query[np.newaxis], setting)[0],
        search_many,
    )


def hnsw(corpus: corpora.Corpus, k: int) -> Searcher:
    """Hnswlib's graph, 16 links a vector, built with a beam of 200."""
    hnswlib = _import("hnswlib", "hnswlib")
    num_candidates, dim = corpus.vectors.shape
    index = hnswlib.Index("ip", dim)
    index.init_index(num_candidates, ef_construction=200, M=16, random_seed=1)
    index.set_num_threads(2)
    index.add_items(corpus.vectors)
    index.set_num_threads(1)

    def search_many(queries: np.ndarray, setting: Setting) -> np.ndarray:
        index.set_ef(max(setting[0], k))
        return index.knn_query(queries, k)[0]

    beams = [(beam,) for beam in _rising(k, 2000)]
    return Searcher("hnswlib", [beams], lambda query, setting: search_many(query[np.newaxis], setting)[0], search_many)


SEARCHERS: dict[str, Callable[[corpora.Corpus, int], Searcher]] = {
    "scann": scann,
    "faiss": faiss_ivf_pq,
    "hnswlib": hnsw,
}


def _curves(num_leaves: int) -> list[list[Setting]]:
    """Returns ever more leaves for each number of candidates that are scored again."""
    return [[(leaves, reordered) for leaves in _rising(min(2, num_leaves), num_leaves)] for reordered in _REORDERED]


def _rising(first: int, last: int) -> list[int]:
    """Returns whole numbers from the first to the last, each about a quarter more than the one before."""
    values = [first]
    while values[-1] < last:
        values.append(min(last, max(values[-1] + 1, round(values[-1] * 1.25))))
    return values


def _import(module: str, package: str):
    try:
        return __import__(module)
    except ImportError as error:
        raise job.ConfigError(
            f"{package} is compared with, but is not installed; pip install -e '.[benchmark]', or leave it out of "
            "--index_searchers."
        ) from error
