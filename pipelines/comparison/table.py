"""One table of text, a row for each system."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(systems: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """Returns the figures as lines of text, columns aligned.

    Args:
      systems: by each its `name`, its metrics, `coverage_at_10` and, but for the first, `minus_first`.
      metrics: the columns; the first also as the difference to the first system.
    """
    head = ["", *metrics, "coverage_at_10", f"{metrics[0]} minus {systems[0]['name']}"]
    lines = [head, *(_cells(system, metrics) for system in systems)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in padded)


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
