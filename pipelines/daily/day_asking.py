"""What the models of yesterday and today, and popularity, know of a day's interactions."""

import math
import os

import numpy as np

from pipelines import model_directory, prepared_data, progressive_questions
from pipelines.daily import model_figures, model_gates
from pipelines.daily.partitions import Partition
from pipelines.progressive_questions import ProgressiveQuestions

_SHOWN = ("recall_at_10", "recall_at_20", "recall_at_100", "ndcg_at_10", "ndcg_at_20", "mrr")


class DayAsking:
    """The questions of a day.

    Args:
      prepared_dir: of the day, which holds its window too.
      partition: the day.
      asks_again: whether a query is also asked for what it chose before.
    """

    def __init__(self, prepared_dir: str | os.PathLike[str], partition: Partition, asks_again: bool):
        self._data = prepared_data.read_prepared_data(prepared_dir)
        self._begin = partition.begin
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
        model = progressive_questions.answers_of_model(questions, model_dir, self._data, self._counts)
        popularity = progressive_questions.answers_of_popularity(questions, self._counts)
        return {
            **questions.counts,
            "model": _shown(model.figures()),
            "popularity": _shown(popularity.figures()),
            "intervals": _shown(model.intervals()),
            "difference": _shown(model.difference(popularity)),
        }

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
            ranked = progressive_questions.answers_of_popularity(questions, self._counts).ranked
            popularity = model_figures.recall_of(ranked)
        found = model_gates.check(
            self._measured(model_dir, questions),
            before_dir and self._measured(before_dir, self._questions(before_dir)),
            popularity,
            questions.examples.query_rows,
            config,
        )
        return _finite(found.as_json())

    def _questions(self, model_dir: str | os.PathLike[str]) -> ProgressiveQuestions:
        return progressive_questions.questions_since(self._data, self._begin, model_dir, self._asks_again)

    def _measured(self, model_dir: str | os.PathLike[str], questions: ProgressiveQuestions):
        checkpoint_name = model_directory.best_checkpoint_name(model_dir)
        return model_figures.measure(model_dir, checkpoint_name, self._data, questions)


def _shown(figures: dict) -> dict:
    return {name: figures[name] for name in _SHOWN if name in figures}


def _finite(value: object) -> object:
    """Returns a JSON value with `None` in place of what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
