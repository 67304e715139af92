"""Fits once what differs only in where it is cut, such as neighbours of which the best 20, 50 or 200 count."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines import prepared_data
from pipelines.comparison import questions
from pipelines.comparison.baselines import Baseline
from tfrs_model.baselines import scorer


class WidestFit:
    """Fits a baseline, where it can be cut with the largest of several values, and keeps the last fit for the others.

    Args:
      baseline: what is fitted.
      parameter_sets: all that will be asked for.
    """

    def __init__(self, baseline: Baseline, parameter_sets: Sequence[Mapping[str, Any]]):
        self._baseline = baseline
        cut_by = baseline.cut_by
        self._widest = max((each[cut_by] for each in parameter_sets if cut_by in each), default=None)
        self._kept: tuple[tuple, scorer.Scorer] | None = None

    def fit(self, data: prepared_data.PreparedData, parameters: Mapping[str, Any], seed: int) -> scorer.Scorer:
        """Returns what answers with these parameters, among those that were announced."""
        if self._widest is None:
            return self._baseline.fit(questions.training_interactions(data), parameters, seed)
        cut_by = self._baseline.cut_by
        widest = {**parameters, cut_by: self._widest}
        key = (data.manifest_sha256, tuple(sorted(widest.items())), seed)
        if self._kept is None or self._kept[0] != key:
            # What was kept is let go before the next is fitted, so that there is never room for two.
            self._kept = None
            self._kept = key, self._baseline.fit(questions.training_interactions(data), widest, seed)
        return self._kept[1].cut(parameters[cut_by])
