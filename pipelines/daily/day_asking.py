"""What the models of yesterday and today, and popularity, know of a day's interactions."""

import math
import os

import numpy as np

from pipelines import interval_figures, model_directory, offline_evaluation, prepared_data, progressive_questions
from pipelines.daily import model_figures, model_gates
from pipelines.daily.partitions import Partition
from pipelines.progressive_questions import ProgressiveQuestions
from tfrs_model import metrics, ranking
from tfrs_model.metrics import intervals, paired, relevance

_KS = (10, 20, 100)
_METRICS = ("recall", "ndcg", "mrr")


class DayAsking:
    """The questions of a day.

    Args:
      prepared_dir: of the day, which holds its window too.
      partition: the day.
      asks_again: whether a query is also asked for what it chose before.
    """

    def __init__(self, prepared_dir: str | os.PathLike[str], partition: Partition, asks_again: bool):
        self._data = prepared_data.read_prepared_data(prepared_dir)
        self._partition = partition
        self._asks_again = asks_again
        self._counts = progressive_questions.counts_before(self._data, partition.begin)

    def evaluate(self, model_dir: str | os.PathLike[str]) -> dict:
        """Returns what a model that has not seen the day is worth on it, beside popularity of the days before.

        Returns:
          The counts of the questions; and unless there are none, `model` and `popularity` with their means, the
          `intervals` of the model's and its `difference` to popularity.
        """
        questions = self._questions(model_dir)
        if not len(questions.examples):
            return dict(questions.counts)
        model = _measure(progressive_questions.rank_by_model(questions, model_dir, self._data))
        popularity = _measure(offline_evaluation.rank_by_popularity(questions, self._counts))
        owners = questions.examples.query_rows
        found = {
            **questions.counts,
            "model": relevance.summarize(model),
            "popularity": relevance.summarize(popularity),
            "intervals": {name: _interval(values, owners) for name, values in model.items()},
            "difference": {
                name: interval_figures.of_difference(paired.difference(values, popularity[name], owners))
                for name, values in model.items()
            },
        }
        return _finite(found)

    def gate(
        self,
        model_dir: str | os.PathLike[str],
        before_dir: str | os.PathLike[str] | None,
        config: model_gates.ModelGateConfig,
    ) -> dict:
        """Returns what the gates saw of a model that passed them.

        Raises:
          ModelGateError: if one was not passed.
        """
        questions = self._questions(model_dir)
        popularity = None
        if len(questions.examples) and self._counts.any():
            # As many candidates as today's model knows, so that a new one is no miss for the one alone.
            popularity = model_figures.recall_of(offline_evaluation.rank_by_popularity(questions, self._counts))
        model, owners, owners_before = self._measured(model_dir, config.num_window_questions)
        before = before_dir and self._measured(before_dir, config.num_window_questions)[0]
        found = model_gates.check(model, before, popularity, owners, config, owners_before)
        return _finite(found.as_json())

    def _questions(self, model_dir: str | os.PathLike[str]) -> ProgressiveQuestions:
        return progressive_questions.questions_since(self._data, self._partition.begin, model_dir, self._asks_again)

    def _measured(
        self, model_dir: str | os.PathLike[str], num_before: int
    ) -> tuple[model_figures.ModelFigures, np.ndarray, np.ndarray]:
        """Returns what a model knows of the day and of a sample of what was before, and whose these questions are."""
        begin, length = self._partition.begin, self._partition.microseconds
        sample = progressive_questions.sample_before(self._data, begin, length, num_before)
        of_day = np.flatnonzero(self._data.examples("train").timestamps >= begin)
        rows = np.concatenate([sample, of_day])
        questions = progressive_questions.questions_of(self._data, rows, model_dir, self._asks_again)
        checkpoint_name = model_directory.best_checkpoint_name(model_dir)
        # Both are asked at once, as the corpus is encoded once for them.
        figures = model_figures.measure(model_dir, checkpoint_name, self._data, questions)
        is_before = questions.examples.timestamps < begin
        owners = questions.examples.query_rows
        return figures.split(is_before), owners[~is_before], owners[is_before]


def _measure(ranked: ranking.Ranking) -> dict[str, np.ndarray]:
    """Returns what each answer is worth, `[num_questions]` by metric."""
    return relevance.measure(metrics.TargetRanks(ranked.target_ranks, ranked.target_splits), _KS, _METRICS)


def _interval(values: np.ndarray, owners: np.ndarray) -> list[float | None]:
    found = intervals.mean_interval(values, owners)
    return [found.low, found.high]


def _finite(value: object) -> object:
    """Returns a JSON value with `None` in place of what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
