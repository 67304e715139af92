"""A benchmark that consists of parts: each is measured, shown on stderr at once, and goes into one JSON line."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from pipelines import job


def require_known(flag: str, parts: Sequence[str], known: Sequence[str]) -> None:
    """Checks the names of parts.

    Raises:
      ConfigError: if one is not known; the message names the flag.
    """
    if unknown := sorted(set(parts) - set(known)):
        raise job.ConfigError(f"--{flag} must be some of {', '.join(known)}, but {unknown[0]!r} is among them.")


def measure(benchmark: str, functions: Mapping[str, Callable[[], dict]]) -> dict:
    """Measures the parts in order; returns the JSON line's object.

    Args:
      benchmark: its name.
      functions: by name of the part; each returns an object with `holds` and perhaps `rows`.
    """
    result: dict = {"benchmark": benchmark, "seconds": {}}
    for name, function in functions.items():
        started = time.monotonic()
        with job.stage(f"Measuring {name}"):
            result[name] = function()
        result["seconds"][name] = round(time.monotonic() - started, 1)
        print(table(name, result[name]), file=sys.stderr, flush=True)
    return {**result, "holds": all(result[name]["holds"] for name in functions)}


def table(name: str, part: Mapping) -> str:
    """Returns a part as lines of text, one for each of its rows, limits at the head."""
    head = f"{name}: {'holds' if part['holds'] else 'DOES NOT HOLD'}"
    return "\n".join([head, *(f"    {line}" for line in _lines(part))])


def _lines(part: Mapping) -> Iterator[str]:
    for key, value in part.items():
        if key == "rows":
            yield from ("  ".join(f"{name} {_text(each)}" for name, each in row.items()) for row in value)
        elif key != "holds":
            yield f"{key} {_text(value)}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_text(each) for each in value)
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
