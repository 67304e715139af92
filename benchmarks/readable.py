"""Results of a benchmark's parts as lines of text."""

from collections.abc import Iterator, Mapping, Sequence


def table(result: Mapping, parts: Sequence[str]) -> str:
    """Returns the result as lines of text, one for each row of a part, limits at the head.

    Args:
      result: one object for each part, with `holds` and perhaps `rows`.
      parts: names of the parts, in order; those that the result has not are left out.
    """
    lines = []
    for name in parts:
        if name not in result:
            continue
        part = result[name]
        lines.append(f"{name}: {'holds' if part['holds'] else 'DOES NOT HOLD'}")
        lines += [f"    {line}" for line in _lines(part)]
    return "\n".join(lines)


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
