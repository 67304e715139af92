"""Cuts what is too long to be shown; the cut is seen, and `report.json` has the whole."""

_CUT = "\N{HORIZONTAL ELLIPSIS}"


def shortened(text: str, limit: int) -> str:
    """Returns `text` on one line, of at most `limit` characters, the last of them an ellipsis where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + _CUT
