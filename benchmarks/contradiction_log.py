"""Synthetic logs of queries, candidates and labels, with transitive contradictions and without."""

import dataclasses

import numpy as np

from tfrs_model import seeds

_WORDS_IN_COMMON = 64
_COMMON_WORDS_OF_A_TEXT = 3


@dataclasses.dataclass(frozen=True)
class LogSizes:
    """How large a log is, and how much of a label the query and the candidate decide by themselves.

    Attributes:
      num_queries: distinct queries; at most as many as candidates.
      num_candidates: distinct candidates.
      pairs_per_query: candidates that each query was shown, at most `num_candidates`.
      query_deviation: standard deviation of the queries' log-odds.
      candidate_deviation: likewise of the candidates; larger, so that some candidates please nearly everybody.
    """

    num_queries: int = 256
    num_candidates: int = 256
    pairs_per_query: int = 256
    query_deviation: float = 0.5
    candidate_deviation: float = 1.0

    def __post_init__(self) -> None:
        if not (2 <= self.num_queries <= self.num_candidates and 1 <= self.pairs_per_query <= self.num_candidates):
            raise ValueError(
                "A log needs 2 to num_candidates queries and 1 to num_candidates pairs for each, but num_queries is "
                f"{self.num_queries}, num_candidates {self.num_candidates} and pairs_per_query {self.pairs_per_query}."
            )


@dataclasses.dataclass(frozen=True)
class PairLog:
    """Which query text was shown which candidate, and whether it was liked.

    Attributes:
      query_texts: `[num_query_texts, 4]` words.
      candidate_texts: `[num_candidates, 4]` words.
      pairs: `[num_pairs, 2]` rows of `query_texts` and `candidate_texts`.
      labels: `[num_pairs]` float32, 0 or 1.
    """

    query_texts: np.ndarray
    candidate_texts: np.ndarray
    pairs: np.ndarray
    labels: np.ndarray

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All words of the log, in order."""
        return tuple(np.unique(np.concatenate([self.query_texts.ravel(), self.candidate_texts.ravel()])).tolist())


def draw_log(sizes: LogSizes, seed: int) -> PairLog:
    """Draws a log in which every label is independent of the others, given the two sides' log-odds.

    That is what makes contradictions systematic: a liked candidate says nothing of
    what else its admirers like. It also means that beyond the CTRs there is nothing
    to learn, only to fit: the losses compare what an objective can express, and say
    nothing of unseen pairs.
    """
    generator = _generator(seed, "pairs")
    shown = [generator.permutation(sizes.num_candidates)[: sizes.pairs_per_query] for _ in range(sizes.num_queries)]
    queries = np.repeat(np.arange(sizes.num_queries), sizes.pairs_per_query)
    pairs = np.stack([queries, np.concatenate(shown)], axis=1)
    log_odds = [
        _generator(seed, side).normal(0.0, deviation, number)
        for side, deviation, number in (
            ("query", sizes.query_deviation, sizes.num_queries),
            ("candidate", sizes.candidate_deviation, sizes.num_candidates),
        )
    ]
    probability = 1.0 / (1.0 + np.exp(-log_odds[0][pairs[:, 0]] - log_odds[1][pairs[:, 1]]))
    labels = _generator(seed, "labels").random(len(pairs)) < probability
    texts = [_texts(name, number, seed) for name, number in (("q", sizes.num_queries), ("c", sizes.num_candidates))]
    return PairLog(*texts, pairs, labels.astype(np.float32))


def with_own_text(log: PairLog) -> PairLog:
    """Returns the copy in which the query of each positive reads its candidate's own text.

    Same labels, same candidates, same negatives. A query text is now either that
    of a candidate, and liked, or that of a query, and not: its CTR tells all.
    """
    texts = np.concatenate([log.query_texts, log.candidate_texts])
    is_positive = log.labels > 0.0
    queries = np.where(is_positive, len(log.query_texts) + log.pairs[:, 1], log.pairs[:, 0])
    return dataclasses.replace(log, query_texts=texts, pairs=np.stack([queries, log.pairs[:, 1]], axis=1))


def with_candidate_texts(log: PairLog) -> PairLog:
    """Returns the copy in which the queries of the negatives read a candidate's text as well, another one's.

    So neither side alone gives a label away. Query i reads the text of candidate i,
    or of the next where that is the very candidate it was shown.
    """
    queries, candidates = log.pairs.T
    others = np.where(queries == candidates, (candidates + 1) % len(log.candidate_texts), queries)
    pairs = np.stack([np.where(log.labels > 0.0, candidates, others), candidates], axis=1)
    return dataclasses.replace(log, query_texts=log.candidate_texts, pairs=pairs)


def click_through_rate(log: PairLog, side: str) -> np.ndarray:
    """Returns `[num_pairs]` float64: the mean label of the pair's `query` or `candidate`."""
    rows = log.pairs[:, ("query", "candidate").index(side)]
    return (np.bincount(rows, log.labels) / np.maximum(np.bincount(rows), 1))[rows]


def contradictions_of_pairs(log: PairLog) -> np.ndarray:
    """Returns `[num_pairs]` int64: the transitive contradictions that end in the pair; 0 for positives.

    A negative (u1, p2) ends one for each u2 and p1 with (u1, p1), (u2, p1), (u2, p2) liked.
    """
    liked = np.zeros([len(log.query_texts), len(log.candidate_texts)])
    liked[tuple(log.pairs[log.labels > 0.0].T)] = 1.0
    paths = np.rint(liked @ liked.T @ liked).astype(np.int64)[tuple(log.pairs.T)]
    return np.where(log.labels > 0.0, 0, paths)


def first_contradiction(log: PairLog) -> list[int]:
    """Returns the rows of (u1, p1), (u2, p1), (u2, p2), (u1, p2): three positives, and the negative they contradict.

    Raises:
      ValueError: if the log has none.
    """
    contradicted = np.flatnonzero(contradictions_of_pairs(log))
    if not len(contradicted):
        raise ValueError("The log has no transitive contradiction; draw more pairs per query.")
    last = int(contradicted[0])
    row_of = {tuple(log.pairs[row]): row for row in np.flatnonzero(log.labels > 0.0).tolist()}
    u1, p2 = log.pairs[last]
    for u2, p1 in sorted(row_of):
        if {(u1, p1), (u2, p2)} <= row_of.keys():
            return [row_of[u1, p1], row_of[u2, p1], row_of[u2, p2], last]
    raise AssertionError("A pair was counted as contradicted, but no path leads to it.")


def _texts(name: str, number: int, seed: int) -> np.ndarray:
    """Returns `[number, 4]` words: one of its own, and three that queries and candidates share."""
    generator = _generator(seed, f"{name}/texts")
    common = [generator.permutation(_WORDS_IN_COMMON)[:_COMMON_WORDS_OF_A_TEXT] for _ in range(number)]
    return np.array([[f"{name}{i}", *(f"word{j}" for j in words)] for i, words in enumerate(common)])


def _generator(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng(seeds.derive_seed(seed, f"contradictions/{purpose}"))
