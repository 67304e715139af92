"""Tables of text, for a terminal and as Markdown."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], num_left: int = 0) -> list[str]:
    """Returns a line for each row, its columns as wide as their widest cell and two spaces apart.

    [["a", "1"], ["bc", "10"]] becomes `a    1` and `bc  10` with one column on the left.

    Args:
      rows: cells, as many in each row; the head is a row like the others.
      num_left: columns that begin at their left edge; the others end at their right edge.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths, num_left)).rstrip() for row in rows]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table of Markdown: the head, its rule and the rows, without a line end behind the last."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _padded(row: Sequence[str], widths: Sequence[int], num_left: int) -> list[str]:
    cells = list(zip(row, widths, strict=True))
    return [cell.ljust(width) for cell, width in cells[:num_left]] + [
        cell.rjust(width) for cell, width in cells[num_left:]
    ]
