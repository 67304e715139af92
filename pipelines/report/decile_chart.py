"""Draws how much of what is recommended, and of what was chosen, falls into each tenth of the corpus."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pipelines.report import inline_svg, number_format

_TITLE = "Share by popularity of the candidate"
_SIZE = (400, 300)
_MARGINS = (46, 8, 46, 12)
_LEGEND_LINE = 18
_GROUP_WIDTH = 0.84
_MODEL = ("Recommended by the model", {"facecolor": inline_svg.MODEL, "edgecolor": inline_svg.MODEL})
_POPULARITY = (
    "Recommended by popularity",
    {"facecolor": inline_svg.POPULARITY, "edgecolor": inline_svg.POPULARITY},
)
_TARGETS = ("Held-out interactions", {"facecolor": "none", "edgecolor": inline_svg.INK})

_Shares = Sequence[float | None]


def decile_chart(model: _Shares, popularity: _Shares | None, targets: _Shares) -> inline_svg.Chart:
    """Returns a group of bars for each tenth of the corpus, most popular tenth first.

    Args:
      model: shares of what the model recommends.
      popularity: shares of what the popularity baseline recommends, or `None`.
      targets: shares of the held-out interactions.
    """
    series = [
        (name, style, shares)
        for (name, style), shares in ((_MODEL, model), (_POPULARITY, popularity), (_TARGETS, targets))
        if shares
    ]

    def paint(axes: Axes) -> None:
        _draw_bars(axes, series)
        axes.set_xticks(range(1, len(targets) + 1))
        axes.set_xlim(0.5, len(targets) + 0.5)
        axes.set_ylim(bottom=0.0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("Tenth of the corpus; 1 is the most popular")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), labelspacing=0.25, handlelength=1.0)

    left, right, bottom, top = _MARGINS
    margins = (left, right, bottom, top + _LEGEND_LINE * len(series))
    return inline_svg.Chart(_TITLE, inline_svg.draw("popularity", _TITLE, _alt(series), _SIZE, margins, paint))


def _draw_bars(axes: Axes, series: Sequence[tuple[str, dict, _Shares]]) -> None:
    width = _GROUP_WIDTH / len(series)
    for position, (name, style, shares) in enumerate(series):
        left = [decile - _GROUP_WIDTH / 2 + width * position for decile in range(1, len(shares) + 1)]
        heights = number_format.finite(shares)
        axes.bar(left, heights, 0.86 * width, align="edge", label=name, linewidth=1.0, **style)


def _alt(series: Sequence[tuple[str, dict, _Shares]]) -> str:
    told = "; ".join(f"{name}: {', '.join(map(number_format.percent, shares))}" for name, _, shares in series)
    return f"Bar chart. {_TITLE}, from the most popular tenth of the corpus to the least popular. {told}."
