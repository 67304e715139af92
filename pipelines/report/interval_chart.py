"""Draws means with their intervals, group under group, a row for each of several models."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipelines.report import inline_svg, number_format, short_text
from pipelines.report.rivals import Rival

_WIDTH, _LEFT, _RIGHT, _BOTTOM, _TOP = 400, 96, 14, 44, 8
_LEGEND_LINE = 18
_ROW_HEIGHT, _GROUP_GAP = 13, 13
_MAX_LABEL = 14
_MAX_NAME = 34


class Measured(NamedTuple):
    """A mean and its 95% interval, all of them `None` for a group of none."""

    mean: float | None
    low: float | None
    high: float | None


def interval_chart(
    name: str,
    title: str,
    groups: Sequence[str],
    series: Sequence[tuple[Rival, Sequence[Measured]]],
    axis: str,
) -> inline_svg.Chart:
    """Returns dots with bars from the low end of the interval to the high one.

    Args:
      name: of the figure, unique in the page.
      title: what is drawn.
      groups: names, from the top down.
      series: of each model the figures of the groups, in the same order.
      axis: what the shares are.
    """
    pitch = _ROW_HEIGHT * len(series) + _GROUP_GAP
    top = _TOP + _LEGEND_LINE * len(series)
    height = top + pitch * len(groups) + _BOTTOM

    def paint(axes: Axes) -> None:
        for place, (rival, measured) in enumerate(series):
            _draw_row(axes, rival, measured, (place - (len(series) - 1) / 2) * _ROW_HEIGHT / pitch)
        axes.set_yticks(range(len(groups)), [short_text.shortened(each, _MAX_LABEL) for each in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlim(left=0.0)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(lambda share, _: number_format.short_percent(share))
        axes.set_xlabel(axis)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.3, 1.0), labelspacing=0.25, handlelength=1.0)

    svg = inline_svg.draw(
        name, title, _alt(title, groups, series), (_WIDTH, height), (_LEFT, _RIGHT, _BOTTOM, top), paint
    )
    return inline_svg.Chart(title, svg)


def _draw_row(axes: Axes, rival: Rival, measured: Sequence[Measured], shift: float) -> None:
    means = [each.mean if number_format.is_number(each.mean) else math.nan for each in measured]
    places = [place + shift for place in range(len(measured))]
    for place, mean, each in zip(places, means, measured, strict=True):
        if math.isfinite(mean) and number_format.is_number(each.low) and number_format.is_number(each.high):
            axes.plot([each.low, each.high], [place, place], color=rival.marker_style["color"], linewidth=1.6)
    label = short_text.shortened(rival.name, _MAX_NAME)
    axes.plot(means, places, linestyle="", markersize=5.5, clip_on=False, label=label, **rival.marker_style)


def _alt(title: str, groups: Sequence[str], series: Sequence[tuple[Rival, Sequence[Measured]]]) -> str:
    told = []
    for rival, measured in series:
        values = [f"{group} {_told(each)}" for group, each in zip(groups, measured, strict=True)]
        told.append(f"{rival.name}: {'; '.join(values)}.")
    return f"Dots with 95% intervals. {title}. {' '.join(told)}"


def _told(measured: Measured) -> str:
    if not number_format.is_number(measured.mean):
        return "none"
    written = number_format.percent(measured.mean)
    if number_format.is_number(measured.low) and number_format.is_number(measured.high):
        written += f" ({number_format.percent(measured.low)} to {number_format.percent(measured.high)})"
    return written
