"""What the answers of several systems are worth, with intervals, and how far each is from the first."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfrs_model import metrics
from tfrs_model.metrics import intervals, paired, recommended, relevance

NUM_RECOMMENDED = 10


@dataclasses.dataclass(frozen=True)
class Answers:
    """Where the targets stand in a system's answers, and what stands on top.

    Attributes:
      ranks: `[num_targets]` int64, 1 is the top.
      splits: `[num_questions + 1]` int64 bounds of each question's targets.
      top_rows: `[num_questions, depth]` int64 corpus rows, best first, -1 for none.
    """

    ranks: np.ndarray
    splits: np.ndarray
    top_rows: np.ndarray


def require_metrics(names: Sequence[str]) -> None:
    """Checks the names of metrics.

    Raises:
      MetricsError: if there is no such metric.
    """
    for each in names:
        name, _, cut_off = each.partition("_at_")
        if each != relevance.MRR and not (name in relevance.AT_K and cut_off.isdigit() and int(cut_off)):
            raise metrics.MetricsError(
                f"A metric must be mrr, or one of {', '.join(relevance.AT_K)} with a cut-off such as recall_at_10, but "
                f"is {each!r}."
            )


def values_of(answers: Answers, metric: str) -> np.ndarray:
    """Returns `[num_questions]` what each answer is worth by a metric such as `recall_at_10` or `mrr`."""
    name, _, cut_off = metric.partition("_at_")
    found = metrics.TargetRanks(answers.ranks, answers.splits)
    return relevance.measure(found, (int(cut_off),) if cut_off else (), (name,))[metric]


def mean_of(answers: Answers, metric: str) -> float:
    """Returns the mean of a metric over questions."""
    return float(values_of(answers, metric).mean())


def figures_of(
    answers: Sequence[Sequence[Answers]], owners: np.ndarray, counts: np.ndarray, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Returns the figures of each system, and how much better it is than the first.

    Intervals are of 95%. Those of differences draw the questions that both answered and the seeds of each again; those
    of means the questions alone, over the mean of the seeds. All questions of one query are drawn together.

    Args:
      answers: of each system, one for each of its seeds; all were asked the same.
      owners: `[num_questions]` which query asks.
      counts: `[num_candidates]` training interactions.
      names: of the metrics.

    Returns:
      For each system by metric the `mean` over questions and seeds, its `interval` and the mean of each of the
      `seeds`; of the first seed what is recommended, such as `coverage_at_10`; and but for the first system
      `minus_first`: by metric the `mean`, `interval` and `p_value`.
    """
    values = [{name: np.stack([values_of(each, name) for each in seeds]) for name in names} for seeds in answers]
    rows = []
    for of_system, seeds in zip(values, answers, strict=True):
        row: dict[str, Any] = {name: _mean(each, owners) for name, each in of_system.items()}
        # A corpus of fewer candidates than are recommended has no further ones to answer.
        top_rows = np.pad(seeds[0].top_rows, ((0, 0), (0, NUM_RECOMMENDED)), constant_values=-1)
        row |= recommended.summarize(top_rows, NUM_RECOMMENDED, counts)
        if rows:
            row["minus_first"] = {name: _difference(each, values[0][name], owners) for name, each in of_system.items()}
        rows.append(row)
    return rows


def _mean(values: np.ndarray, owners: np.ndarray) -> dict[str, Any]:
    found = intervals.mean_interval(values.mean(axis=0), owners)
    return {"mean": found.mean, "interval": [found.low, found.high], "seeds": values.mean(axis=1).tolist()}


def _difference(ours: np.ndarray, theirs: np.ndarray, owners: np.ndarray) -> dict[str, Any]:
    found = paired.difference(ours, theirs, owners)
    return {"mean": found.mean, "interval": [found.low, found.high], "p_value": found.p_value}
