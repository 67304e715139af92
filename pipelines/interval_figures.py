"""Means and differences with their intervals, as JSON objects."""

from tfrs_model.metrics import intervals, paired


def of_mean(found: intervals.Interval) -> dict[str, float | None]:
    """Returns `mean`, `None` of no questions, as JSON has no NaN, and `low` and `high`, the ends of the interval."""
    return {"mean": found.mean if found.num_questions else None, "low": found.low, "high": found.high}


def of_difference(found: paired.Difference) -> dict[str, float]:
    """Returns `mean`, the ends of the interval, `low` and `high`, and `p_value`."""
    return {"mean": found.mean, "low": found.low, "high": found.high, "p_value": found.p_value}
