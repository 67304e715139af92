"""Draws what an index finds against how much of its work it does."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from pipelines.report import inline_svg, number_format

_TITLE = "Index recall against effort"
_SIZE = (400, 290)
_MARGINS = (56, 18, 46, 12)


def trade_off_chart(points: Sequence[Mapping], k: int) -> inline_svg.Chart:
    """Returns the recall of each setting over its share of the most, the one that is served marked.

    Args:
      points: `share`, `recall` and `is_chosen` of each setting, the least first.
      k: of the recall.
    """

    def paint(axes: Axes) -> None:
        shares, recalls = ([each[name] for each in points] for name in ("share", "recall"))
        axes.plot(shares, recalls, color=inline_svg.MODEL, linewidth=2.0, marker="o", markersize=4)
        for each in points:
            if each["is_chosen"]:
                axes.plot([each["share"]], [each["recall"]], "o", color=inline_svg.INK, markersize=9, fillstyle="none")
                axes.annotate("served", (each["share"], each["recall"]), (8, -16), textcoords="offset points")
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(lambda share, _: number_format.short_percent(share))
        axes.yaxis.set_major_formatter(lambda share, _: number_format.short_percent(share))
        axes.set_xlabel("Share of the leaves that a query reads")
        axes.set_ylabel(f"Index recall@{k}", labelpad=2)

    return inline_svg.Chart(_TITLE, inline_svg.draw("trade-off", _TITLE, _alt(points), _SIZE, _MARGINS, paint))


def _alt(points: Sequence[Mapping]) -> str:
    told = [
        f"{number_format.percent(each['share'])} of the leaves find {number_format.percent(each['recall'])}"
        f"{', which is served' if each['is_chosen'] else ''}"
        for each in points
    ]
    return f"Line chart. {'; '.join(told)}."
