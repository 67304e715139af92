"""One table of text, a row for each system."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines import text_table


def table(systems: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """Returns the figures as lines of text, columns aligned.

    Args:
      systems: by each its `name`, its metrics, `coverage_at_10` and, but for the first, `minus_first`.
      metrics: the columns; the first also as the difference to the first system.
    """
    head = ["", *metrics, "coverage_at_10", f"{metrics[0]} minus {systems[0]['name']}"]
    lines = [head, *(_cells(system, metrics) for system in systems)]
    return "\n".join(text_table.aligned(lines, num_left=1))


def _cells(system: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    minus_first = system.get("minus_first")
    return [
        system["name"],
        *(f"{system[name]['mean']:.4f} {_interval(system[name], '.3f')}" for name in metrics),
        f"{system['coverage_at_10']:.3f}",
        f"{minus_first[metrics[0]]['mean']:+.4f} {_interval(minus_first[metrics[0]], '+.3f')}" if minus_first else "",
    ]


def _interval(figure: Mapping[str, Any], form: str) -> str:
    return f"[{figure['low']:{form}}, {figure['high']:{form}}]"
