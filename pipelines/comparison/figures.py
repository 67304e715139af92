"""What the answers of several systems are worth, with intervals, and how far each is from the first."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines import answered_questions, interval_figures
from tfrs_model import metrics, ranking
from tfrs_model.metrics import intervals, paired, relevance


def require_metrics(names: Sequence[str]) -> None:
    """Checks the names of metrics.

    Raises:
      MetricsError: if there is no such metric.
    """
    for each in names:
        name, _, cut_off = each.partition("_at_")
        if each != relevance.MRR and not (name in relevance.AT_K and _is_count(cut_off)):
            raise metrics.MetricsError(
                f"A metric must be mrr, or one of {', '.join(relevance.AT_K)} with a cut-off such as recall_at_10, but "
                f"is {each!r}."
            )


def _is_count(text: str) -> bool:
    """Returns whether a text is a number >= 1 as it would be written, so that a metric has one name."""
    return text.isdecimal() and int(text) >= 1 and str(int(text)) == text


def values_of(ranked: ranking.Ranking, metric: str) -> np.ndarray:
    """Returns `[num_questions]` what each answer is worth by a metric such as `recall_at_10` or `mrr`."""
    name, _, cut_off = metric.partition("_at_")
    found = metrics.TargetRanks(ranked.target_ranks, ranked.target_splits)
    return relevance.measure(found, (int(cut_off),) if cut_off else (), (name,))[metric]


def mean_of(ranked: ranking.Ranking, metric: str) -> float:
    """Returns the mean of a metric over questions."""
    return float(values_of(ranked, metric).mean())


def figures_of(
    answers: Sequence[Sequence[ranking.Ranking]], owners: np.ndarray, counts: np.ndarray, names: Sequence[str]
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
      For each system by metric the `mean` over questions and seeds, the ends of its interval, `low` and `high`, and
      the mean of each of the `seeds`; of the first seed what is recommended, such as `coverage_at_10`; and but for the
      first system `minus_first`: by metric `mean`, `low`, `high` and `p_value`.
    """
    values = [{name: np.stack([values_of(each, name) for each in seeds]) for name in names} for seeds in answers]
    rows = []
    for of_system, seeds in zip(values, answers, strict=True):
        row: dict[str, Any] = {name: _mean(each, owners) for name, each in of_system.items()}
        row |= answered_questions.of_recommended(seeds[0].top_rows, counts)
        if rows:
            row["minus_first"] = {
                name: interval_figures.of_difference(paired.difference(each, values[0][name], owners))
                for name, each in of_system.items()
            }
        rows.append(row)
    return rows


def _mean(values: np.ndarray, owners: np.ndarray) -> dict[str, Any]:
    found = intervals.mean_interval(values.mean(axis=0), owners)
    return {**interval_figures.of_mean(found), "seeds": values.mean(axis=1).tolist()}
