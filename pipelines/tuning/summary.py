"""What a search found, for programs and for people."""

import json
from collections.abc import Sequence

from pipelines import text_table
from pipelines.tuning.trials import Trial


def as_json(metric: str, trials: Sequence[Trial], best: Trial | None, num_interrupted: int) -> dict:
    """Returns the search as a JSON object.

    Args:
      metric: what was to become high, on validation.
      trials: those that came to an end, in their order.
      best: the one that won, or `None` if none was finished.
      num_interrupted: how often a trial was killed, or left because time was up.
    """
    return {
        "metric": metric,
        "split": "validation",
        "best_trial": best and best.number,
        "num_interrupted": num_interrupted,
        "trials": [
            {"trial": each.number, "outcome": each.outcome, metric: each.metric, **each.about, "options": each.options}
            for each in trials
        ],
    }


def as_markdown(metric: str, trials: Sequence[Trial]) -> str:
    """Returns the trials as a table, the finished ones first and of those the best."""
    names = list(trials[0].options) if trials else []
    head = ["trial", metric, "best epoch", "epochs", "seconds", "outcome", *names]
    ordered = sorted(trials, key=lambda each: (each.metric is None, -(each.metric or 0.0), each.number))
    rows = [
        [
            str(each.number),
            "" if each.metric is None else f"{each.metric:.4f}",
            *(str(each.about.get(name, "")) for name in ("best_epoch", "num_epochs", "seconds")),
            each.outcome,
            *(text(each.options[name]) for name in names),
        ]
        for each in ordered
    ]
    reasons = [f"Trial {each.number}: {each.about['reason']}" for each in trials if "reason" in each.about]
    return "\n\n".join([f"By {metric} on validation.", text_table.markdown(head, rows), *reasons]) + "\n"


def text(value: object) -> str:
    """Returns an option as a person reads it: a number by its first four digits, text as it is, else JSON."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
