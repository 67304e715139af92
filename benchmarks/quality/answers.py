"""What answers to questions are worth, whoever gives them: towers, counts or a matrix of weights."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines import offline_evaluation
from tfrs_model.metrics import relevance, target_ranks

# 2**25 float32 scores are 128 MB.
_MAX_SCORES_PER_BLOCK = 1 << 25
_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
_DEPTH = max(offline_evaluation.KS)

Scores = Callable[[int, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Answers:
    """What became of the questions.

    Attributes:
      figures: by metric, and how many questions were asked and left out.
      ranks: `[num_interactions]` rank of each target, or `None` where queries are asked.
    """

    figures: dict[str, float]
    ranks: np.ndarray | None = None


def by_embeddings(
    questions: offline_evaluation.Questions,
    queries: np.ndarray,
    corpus: np.ndarray,
    is_ranked: np.ndarray,
    names: Sequence[str],
) -> Answers:
    """Ranks by inner products.

    Args:
      questions: what is asked.
      queries: `[num_questions, embedding_dim]` float32.
      corpus: `[num_candidates, embedding_dim]` float32.
      is_ranked: `[num_candidates]` as for `by_scores`; where interactions are asked all are ranked.
      names: of the metrics.
    """
    if isinstance(questions, offline_evaluation.HeldOutQueries):
        return by_scores(questions, lambda begin, end: queries[begin:end] @ corpus.T, is_ranked, names)
    ranked = questions.rank(queries, corpus)
    accuracy = questions.accuracy(ranked)
    return Answers({**{name: accuracy[name] for name in names}, **questions.counts}, ranked.target_ranks)


def by_scores(
    questions: offline_evaluation.HeldOutQueries, scores: Scores, is_ranked: np.ndarray, names: Sequence[str]
) -> Answers:
    """Ranks by the scores of every candidate; a target stands behind others that score the same.

    Args:
      questions: what is asked.
      scores: returns `[end - begin, num_candidates]` finite numbers for questions `begin` to `end - 1`.
      is_ranked: `[num_candidates]` whether a candidate may be answered; those that training does not know may not, and
        as targets they are missed.
      names: of the metrics.
    """
    top_rows = _top_rows(questions, scores, is_ranked)
    found = target_ranks.in_answers(top_rows, questions.target_rows, questions.target_splits)
    accuracy = relevance.summarize(relevance.measure(found, offline_evaluation.KS, ("recall", "ndcg")))
    return Answers({**{name: accuracy[name] for name in names}, **questions.counts})


def _top_rows(questions: offline_evaluation.HeldOutQueries, scores: Scores, is_ranked: np.ndarray) -> np.ndarray:
    num_queries, num_candidates = len(questions.examples), len(is_ranked)
    depth = min(_DEPTH, num_candidates)
    size = max(1, _MAX_SCORES_PER_BLOCK // num_candidates)
    blocks = [np.full([0, _DEPTH], -1)]
    for begin in range(0, num_queries, size):
        end = min(begin + size, num_queries)
        values = np.array(scores(begin, end), np.float32)
        targets = _positions(questions.target_rows, questions.target_splits, begin, end)
        # The next lower number, and next to 0 one that is not flushed to 0.
        of_targets = values[targets]
        values[targets] = np.minimum(np.nextafter(of_targets, -np.inf), of_targets - _SMALLEST_NORMAL)
        values[:, ~is_ranked] = -np.inf
        values[_positions(questions.excluded_rows, questions.excluded_splits, begin, end)] = -np.inf
        best, rows = (each.numpy() for each in tf.math.top_k(values, k=depth))
        rows = np.where(np.isneginf(best), -1, rows)
        blocks.append(np.pad(rows, ((0, 0), (0, _DEPTH - depth)), constant_values=-1))
    return np.concatenate(blocks)


def _positions(rows: np.ndarray, splits: np.ndarray, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places, in a block of scores, of what belongs to questions `begin` to `end - 1`."""
    owners = np.repeat(np.arange(end - begin), np.diff(splits[begin : end + 1]))
    return owners, rows[splits[begin] : splits[end]]
