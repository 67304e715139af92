"""Draws how much of what is recommended, and of what was chosen, falls into each tenth of the corpus."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pipelines.report import inline_svg, number_format

_TITLE = "Share by popularity of the candidate"
_SIZE = (400, 300)
_MARGINS = (46, 8, 46, 12)
_LEGEND_LINE = 18
_STYLES = (
    {"facecolor": inline_svg.MODEL, "edgecolor": inline_svg.MODEL},
    {"facecolor": inline_svg.POPULARITY, "edgecolor": inline_svg.POPULARITY},
    {"facecolor": "none", "edgecolor": inline_svg.INK},
)
_GROUP_WIDTH = 0.84


def decile_chart(shares: Mapping[str, Sequence[float | None]]) -> inline_svg.Chart:
    """Returns a group of bars for each tenth of the corpus.

    Args:
      shares: at most three series by name, each of ten shares, most popular tenth first.
    """

    def paint(axes: Axes) -> None:
        _draw_bars(axes, shares)
        axes.set_ylim(bottom=0.0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("Tenth of the corpus; 1 is the most popular")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), labelspacing=0.25, handlelength=1.0)

    left, right, bottom, top = _MARGINS
    margins = (left, right, bottom, top + _LEGEND_LINE * len(shares))
    return inline_svg.Chart(_TITLE, inline_svg.draw("popularity", _alt(shares), _SIZE, margins, paint))


def _draw_bars(axes: Axes, shares: Mapping[str, Sequence[float | None]]) -> None:
    width = _GROUP_WIDTH / len(shares)
    num_deciles = max(map(len, shares.values()))
    for position, (name, values) in enumerate(shares.items()):
        left = [decile - _GROUP_WIDTH / 2 + width * position for decile in range(1, len(values) + 1)]
        heights = number_format.finite(values)
        axes.bar(left, heights, 0.86 * width, align="edge", label=name, linewidth=1.0, **_STYLES[position])
    axes.set_xticks(range(1, num_deciles + 1))
    axes.set_xlim(0.5, num_deciles + 0.5)


def _alt(shares: Mapping[str, Sequence[float | None]]) -> str:
    series = "; ".join(f"{name}: {', '.join(map(number_format.percent, values))}" for name, values in shares.items())
    return f"Bar chart. {_TITLE}, from the most popular tenth of the corpus to the least popular. {series}."
