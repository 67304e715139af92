"""Answers under restrictions, through a SavedModel: whether they are right and allowed, what they miss and take.

Filters let pass a share of the corpus, once drawn at random and once what the query likes least. For each kind of
index and each restriction the answers are compared with the exact ranking of what may be answered.
"""

import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from benchmarks.index import corpora, exports
from pipelines import job
from serving import signatures
from serving.index import candidate_filter

SHARES = (0.0001, 0.001, 0.01, 0.1, 0.3)
_NUM_QUERIES = 32
_NUM_EXCLUDED = 5000
_MANY = 5000
_REPEATS = 3
_MIN_RECALL = 0.95
_SAME = 1e-5

Inputs = dict[str, list[str]]


@dataclasses.dataclass(frozen=True)
class Case:
    """A restriction.

    Attributes:
      name: of it.
      k: candidates asked for.
      inputs: by number of the query, texts by input.
      passes: by number of the query, `[num_candidates]` bool.
    """

    name: str
    k: int
    inputs: Callable[[int], Inputs]
    passes: Callable[[int], np.ndarray]


class Questions:
    """Queries, filters over the corpus, and what may be answered.

    Args:
      corpus: of which the first queries ask.
    """

    def __init__(self, corpus: corpora.Corpus):
        # The others tune the index.
        self.queries = corpus.queries[::2][:_NUM_QUERIES]
        self.scores = self.queries @ corpus.vectors.T
        self.num_candidates = len(corpus.vectors)
        generator = np.random.default_rng(1)
        self._drawn = {share: generator.random(self.num_candidates) < share for share in SHARES}
        # From what a query likes least to what it likes best.
        self._rank = np.argsort(np.argsort(self.scores, axis=1, kind="stable"), axis=1, kind="stable")

    def filters(self, order: np.ndarray) -> list[candidate_filter.CandidateFilter]:
        """Returns two filters for each share, in the order of an index."""
        filters = []
        for share in SHARES:
            drawn = candidate_filter.FilterColumn.of_lists(
                _drawn(share), [["in"] if each else [] for each in self._drawn[share]]
            )
            disliked = np.stack([self._disliked(query, share) for query in range(len(self.queries))], axis=1)
            values = np.array([f"q{query}" for query in range(len(self.queries))], object)
            _, owners = np.nonzero(disliked)
            splits = np.concatenate([[0], np.cumsum(disliked.sum(axis=1))])
            filters += [
                candidate_filter.CandidateFilter(each, order)
                for each in (drawn, candidate_filter.FilterColumn(_disliked(share), values[owners].tolist(), splits))
            ]
        return filters

    def cases(self) -> list[Case]:
        """Returns every restriction."""
        cases = []
        for share in SHARES:
            cases += [
                Case(f"{share:.2%} at random", exports.K, *self._both(share, None)),
                Case(f"{share:.2%} that the query likes least", exports.K, *self._both(None, share)),
            ]
        return [
            *cases,
            Case("10% and 30% at random", exports.K, *self._of_two(0.1, 0.3)),
            Case("10% at random, 30% that the query likes least", exports.K, *self._both(0.1, 0.3)),
            Case(f"its {_NUM_EXCLUDED:,} best excluded", exports.K, self._excluded, self._not_best),
            Case(f"k = {_MANY:,}", _MANY, lambda query: {}, lambda query: np.ones([self.num_candidates], bool)),
            Case(f"k = {_MANY:,}, 10% at random", _MANY, *self._both(0.1, None)),
            Case("another restriction in each row", exports.K, *self._mixed(cases)),
        ]

    def expected(self, query: int, passes: np.ndarray, k: int) -> np.ndarray:
        """Returns the scores of the best k that pass, best first."""
        scores = self.scores[query][passes]
        k = min(k, len(scores))
        return -np.sort(np.partition(-scores, k - 1)[:k]) if k else scores

    def _disliked(self, query: int, share: float) -> np.ndarray:
        return self._rank[query] < round(share * self.num_candidates)

    def _both(self, drawn: float | None, disliked: float | None):
        def inputs(query: int) -> Inputs:
            of_drawn = {signatures.FILTER_PREFIX + _drawn(drawn): ["in"]} if drawn else {}
            return of_drawn | ({signatures.FILTER_PREFIX + _disliked(disliked): [f"q{query}"]} if disliked else {})

        def passes(query: int) -> np.ndarray:
            every = np.ones([self.num_candidates], bool)
            of_drawn = self._drawn[drawn] if drawn else every
            return of_drawn & (self._disliked(query, disliked) if disliked else every)

        return inputs, passes

    def _of_two(self, one: float, other: float):
        return (
            lambda query: {signatures.FILTER_PREFIX + _drawn(each): ["in"] for each in (one, other)},
            lambda query: self._drawn[one] & self._drawn[other],
        )

    def _excluded(self, query: int) -> Inputs:
        best = np.flatnonzero(~self._not_best(query))
        return {signatures.EXCLUDE_CANDIDATE_IDS: [f"c{row}" for row in best]}

    def _not_best(self, query: int) -> np.ndarray:
        return self._rank[query] < self.num_candidates - _NUM_EXCLUDED

    def _mixed(self, cases: list[Case]):
        of_row = [*cases, Case("", exports.K, self._excluded, self._not_best)]

        def case(query: int) -> Case:
            return of_row[query % len(of_row)]

        return lambda query: case(query).inputs(query), lambda query: case(query).passes(query)


def measure(corpus: corpora.Corpus, kinds: Sequence[str] = ("scann", "partitioned")) -> dict:
    """Returns, for each kind of index and each restriction, recall, wrong answers and time.

    Raises:
      ConfigError: if the smallest share of the corpus is less than one candidate.
    """
    if len(corpus.vectors) * SHARES[0] < 1:
        raise job.ConfigError(
            f"A filter that {SHARES[0]:.2%} pass needs {round(1 / SHARES[0])} candidates, but "
            f"--index_num_candidates is {len(corpus.vectors)}; raise it, or leave restricted out of --index_parts."
        )
    questions = Questions(corpus)
    rows = []
    for kind in kinds:
        with job.stage(f"Building {kind} with {2 * len(SHARES)} filters over {corpus.name}"):
            index, _ = exports.build(kind, corpus)
            served = exports.served(index, questions.filters(index.order), _MANY)
            with tempfile.TemporaryDirectory() as folder:
                exports.write(served, pathlib.Path(folder) / "1")
                ask = exports.load(pathlib.Path(folder) / "1")
            del index, served
        rows += [{"index": kind, **_measured(ask, questions, case)} for case in questions.cases()]
    return {
        "corpus": corpus.name,
        "rows": rows,
        "holds": all(row["recall"] >= _MIN_RECALL and not row["wrong"] for row in rows),
    }


def _measured(ask: Callable[..., Mapping[str, tf.Tensor]], questions: Questions, case: Case) -> dict:
    """Asks each query alone and all at once, and judges both; a request that fails ends the program."""
    inputs = [case.inputs(query) for query in range(len(questions.queries))]
    alone = [_as_tensors([each], case.k) for each in inputs]
    together = _as_tensors(inputs, case.k)
    seconds, batch_seconds = [], []
    for repeat in range(_REPEATS):
        single = []
        for query, given in enumerate(alone):
            answer, taken = _timed(ask, questions.queries[query : query + 1], given)
            single.append(answer)
            if repeat:
                seconds.append(taken)
        answers, taken = _timed(ask, questions.queries, together)
        if repeat:
            batch_seconds.append(taken)
        else:
            stacked = {name: np.concatenate([each[name] for each in single]) for name in single[0]}
            (wrong, recall), (batch_wrong, batch_recall) = (
                _judged(each, questions, case) for each in (stacked, answers)
            )
    return {
        "restriction": case.name,
        "recall": min(recall, batch_recall),
        "wrong": wrong + batch_wrong,
        "milliseconds": 1e3 * float(np.median(seconds)),
        "p99_milliseconds": 1e3 * float(np.quantile(seconds, 0.99)),
        f"batch_of_{len(questions.queries)}_milliseconds": 1e3 * float(np.median(batch_seconds)),
    }


def _timed(ask: Callable, vectors: np.ndarray, given: dict[str, tf.Tensor]) -> tuple[dict[str, np.ndarray], float]:
    started = time.perf_counter()
    answer = {name: value.numpy() for name, value in ask(vectors, **given).items()}
    return answer, time.perf_counter() - started


def _judged(answer: Mapping[str, np.ndarray], questions: Questions, case: Case) -> tuple[int, float]:
    """Returns how many answers are not allowed, repeated, falsely scored, out of order or missing, and the recall."""
    wrong, recalls = 0, []
    for query in range(len(questions.queries)):
        passes = case.passes(query)
        expected = questions.expected(query, passes, case.k)
        is_valid = answer[signatures.VALID][query]
        rows = np.array([int(each[1:]) for each in answer[signatures.CANDIDATE_IDS][query][is_valid]], np.int64)
        scores = questions.scores[query][rows]
        is_wrong = ~passes[rows] | (np.abs(answer[signatures.SCORES][query][is_valid] - scores) > _SAME)
        wrong += int(is_wrong.sum()) + len(rows) - len(set(rows.tolist())) + abs(len(expected) - len(rows))
        wrong += int(np.sum(np.diff(answer[signatures.SCORES][query][is_valid]) > _SAME))
        if len(expected):
            recalls.append(float(np.mean(np.sort(scores)[::-1] >= expected[-1] - _SAME)))
    return wrong, float(np.mean(recalls))


def _as_tensors(inputs: list[Inputs], k: int) -> dict[str, tf.Tensor]:
    """Returns texts of all rows side by side, filled with empty ones, and k."""
    tensors = {signatures.K: tf.constant([k])}
    for name in sorted({name for each in inputs for name in each}):
        texts = [each.get(name, []) for each in inputs]
        width = max(map(len, texts))
        tensors[name] = tf.constant([each + [""] * (width - len(each)) for each in texts])
    return tensors


def _drawn(share: float) -> str:
    return f"drawn_{round(1e4 * share)}"


def _disliked(share: float) -> str:
    return f"disliked_{round(1e4 * share)}"
