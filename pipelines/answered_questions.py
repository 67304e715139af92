"""What the answers of one model to the questions of a split are worth: means, intervals, differences, slices."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from pipelines import interval_figures, offline_evaluation
from tfrs_model import metrics, ranking
from tfrs_model.metrics import groupings, intervals, paired, recommended, relevance, slices

_CUT_OFF = offline_evaluation.NUM_RECOMMENDED
# What stands for the others in slices.
_SHOWN = ("recall_at_10", "recall_at_50", "recall_at_100", "ndcg_at_10", "mrr")


@dataclasses.dataclass(frozen=True)
class AnsweredQuestions:
    """Questions and where the targets of each stand in its answer.

    Attributes:
      questions: what was asked.
      ranked: what was answered.
      counts: `[num_candidates]` training interactions.
      embeddings: `[num_candidates, embedding_dim]` of the candidates, for how alike recommendations are; or `None`.
      ks: cut-offs of accuracy.
    """

    questions: offline_evaluation.Questions
    ranked: ranking.Ranking
    counts: np.ndarray
    embeddings: np.ndarray | None = None
    ks: Sequence[int] = offline_evaluation.KS

    @functools.cached_property
    def target_ranks(self) -> metrics.TargetRanks:
        """Of all targets."""
        return metrics.TargetRanks(self.ranked.target_ranks, self.ranked.target_splits)

    @functools.cached_property
    def accuracy(self) -> dict[str, np.ndarray]:
        """Recall, NDCG, precision, hit rate and MAP at each cut-off, and MRR, of each question."""
        return relevance.measure(self.target_ranks, self.ks)

    @property
    def owners(self) -> np.ndarray:
        """`[num_questions]` whose question each is: one query may ask many, and they are alike."""
        return self.questions.examples.query_rows

    def figures(self) -> dict:
        """Returns means over questions, and what all of them were recommended, as a JSON object."""
        top_rows, targets = self.ranked.top_rows[:, :_CUT_OFF], self.questions.target_rows
        return {
            **relevance.summarize(self.accuracy),
            **of_recommended(top_rows, self.counts, self.embeddings),
            "mean_popularity_of_targets": metrics.mean_popularity(targets, self.counts),
            "popularity_decile_shares_at_10": metrics.popularity_shares(top_rows, self.counts),
            "popularity_decile_shares_of_targets": metrics.popularity_shares(targets, self.counts),
        }

    def intervals(self) -> dict[str, list[float]]:
        """Returns the 95% interval of each metric of accuracy."""
        found = {name: intervals.mean_interval(values, self.owners) for name, values in self.accuracy.items()}
        return {name: [each.low, each.high] for name, each in found.items()}

    def difference(self, other: "AnsweredQuestions") -> dict[str, dict[str, float]]:
        """Returns by metric how much more the answers are worth than those of another model to the same questions."""
        theirs = other.accuracy
        found = {name: paired.difference(ours, theirs[name], self.owners) for name, ours in self.accuracy.items()}
        return {name: interval_figures.of_difference(each) for name, each in found.items()}

    def slices(self, by_question: Sequence[groupings.Grouping], by_target: Sequence[groupings.Grouping]) -> list[dict]:
        """Returns the figures of groups as JSON objects.

        Args:
          by_question: groupings of the questions.
          by_target: groupings of the targets, whose recall is the share of a group that is found.
        """
        of_questions = {name: each for name, each in self.accuracy.items() if name in _SHOWN}
        found = relevance.measure_targets(self.target_ranks, self.ks)
        of_targets = {name: each for name, each in found.items() if name in _SHOWN}
        owners = self.owners[self.target_ranks.owners]
        measured = [
            *(each for grouping in by_question for each in slices.measure_slices(grouping, of_questions, self.owners)),
            *(each for grouping in by_target for each in slices.measure_slices(grouping, of_targets, owners)),
        ]
        return [_as_json(each) for each in measured]


def of_recommended(top_rows: np.ndarray, counts: np.ndarray, embeddings: np.ndarray | None = None) -> dict[str, float]:
    """Returns coverage, Gini, novelty, popularity and similarity of the first ten, by names such as `coverage_at_10`.

    Args:
      top_rows: `[num_questions, depth]` corpus rows, best first, -1 for none.
      counts: `[num_candidates]` training interactions.
      embeddings: `[num_candidates, embedding_dim]`; without them there is no similarity.
    """
    # A corpus of fewer candidates has no tenth.
    filled = np.pad(top_rows, ((0, 0), (0, _CUT_OFF)), constant_values=-1)
    return recommended.summarize(filled, _CUT_OFF, counts, embeddings)


def _as_json(measured: slices.Slice) -> dict[str, object]:
    return {
        "grouping": measured.grouping,
        "group": measured.group,
        "count": measured.count,
        "metrics": {name: interval_figures.of_mean(each) for name, each in measured.metrics.items()},
    }
