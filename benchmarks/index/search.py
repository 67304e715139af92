"""The search itself, one thread, at equal recall: ScaNN with this project's parameters, faiss, hnswlib."""

import dataclasses
import time
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.index import corpora, searchers
from pipelines import job

TARGETS = (0.90, 0.95, 0.99)
K = 10
_AHEAD_AT = 0.95
_NUM_TIMED = 500
_BATCH = 64
_ENOUGH = 0.997
_STALLED = 0.0005


@dataclasses.dataclass(frozen=True)
class Point:
    """One setting of a searcher.

    Attributes:
      setting: values of its parameters.
      recall: index_recall@10.
      seconds: of each of the single queries.
      batch_seconds: of each batch of 64.
    """

    setting: searchers.Setting
    recall: float
    seconds: np.ndarray
    batch_seconds: np.ndarray

    @property
    def queries_per_second(self) -> float:
        """By the median of single queries."""
        return 1.0 / float(np.median(self.seconds))


def measure(corpus: corpora.Corpus, names: Sequence[str]) -> dict:
    """Returns the speed of each searcher at each target, and whether ScaNN is ahead at .95."""
    rows, ahead = [], {}
    for name in names:
        started = time.perf_counter()
        with job.stage(f"Building {name} over {corpus.name}"):
            searcher = searchers.SEARCHERS[name](corpus, K)
        build_seconds = time.perf_counter() - started
        points = list(_points(corpus, searcher))
        for target in TARGETS:
            enough = [point for point in points if point.recall >= target]
            if not enough:
                rows.append({"searcher": searcher.name, "recall": target, "queries_per_second": None})
                continue
            best = max(enough, key=lambda point: point.queries_per_second)
            rows.append(
                {
                    "searcher": searcher.name,
                    "recall": target,
                    "reached": best.recall,
                    "setting": list(best.setting),
                    "queries_per_second": best.queries_per_second,
                    "p99_milliseconds": 1e3 * float(np.quantile(best.seconds, 0.99)),
                    "batch_of_64_milliseconds": 1e3 * float(np.median(best.batch_seconds)),
                    "build_seconds": build_seconds,
                }
            )
            if target == _AHEAD_AT:
                ahead[name] = best.queries_per_second
    others = [speed for name, speed in ahead.items() if name != "scann"]
    return {
        "corpus": corpus.name,
        "rows": rows,
        "holds": "scann" in ahead and ahead["scann"] > max(others, default=0.0),
    }


def _points(corpus: corpora.Corpus, searcher: searchers.Searcher) -> Iterator[Point]:
    """Yields the settings of each curve until it is enough for every target, or more of it finds no more."""
    for curve in searcher.curves:
        before = 0.0
        for setting in curve:
            recall = corpus.recall(searcher.search_many(corpus.queries, setting), K)
            if recall >= TARGETS[0]:
                yield _timed(corpus, searcher, setting, recall)
            if recall >= _ENOUGH or (recall >= TARGETS[0] and recall - before < _STALLED):
                break
            before = recall


def _timed(corpus: corpora.Corpus, searcher: searchers.Searcher, setting: searchers.Setting, recall: float) -> Point:
    seconds, batch_seconds = [], []
    for query in corpus.queries[:_NUM_TIMED]:
        started = time.perf_counter()
        searcher.search_one(query, setting)
        seconds.append(time.perf_counter() - started)
    for begin in range(0, len(corpus.queries) - _BATCH, _BATCH):
        started = time.perf_counter()
        searcher.search_many(corpus.queries[begin : begin + _BATCH], setting)
        batch_seconds.append(time.perf_counter() - started)
    return Point(setting, recall, np.array(seconds), np.array(batch_seconds))
