"""What answers to questions are worth, whoever gives them: towers, counts or a matrix of weights."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from pipelines import offline_evaluation
from tfrs_model import ranking
from tfrs_model.metrics import relevance, target_ranks

# Beneath every score, and still a number.
_LOWEST = float(np.finfo(np.float32).min)
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
    def scores_of_ranked(begin: int, end: int) -> np.ndarray:
        values = np.array(scores(begin, end), np.float32)
        values[:, ~is_ranked] = _LOWEST
        return values

    num_candidates = len(is_ranked)
    depth = min(_DEPTH, num_candidates)
    lists = questions.targets, questions.excluded
    rows = ranking.rank_by_scores(scores_of_ranked, num_candidates, *lists, depth).top_rows
    rows = np.where((rows >= 0) & is_ranked[rows], rows, -1)
    return np.pad(rows, ((0, 0), (0, _DEPTH - depth)), constant_values=-1)
