"""Draws how a figure of two systems goes from day to day."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipelines.report import inline_svg, number_format

_SIZE = (720, 260)
_MARGINS = (52, 14, 44, 30)
_MAX_WITH_MARKERS = 40


def trend_chart(
    title: str, days: Sequence[str], model: Sequence[float | None], popularity: Sequence[float | None]
) -> inline_svg.Chart | None:
    """Returns the chart, or `None` without any value of the model.

    Args:
      title: what is drawn.
      days: dates, in order.
      model: its figure on each day, `None` where there is none.
      popularity: likewise.
    """
    if not any(map(number_format.is_number, model)):
        return None

    def paint(axes: Axes) -> None:
        marker = "o" if len(days) <= _MAX_WITH_MARKERS else ""
        for label, values, color, line in (
            ("model of the day before", model, inline_svg.MODEL, "-"),
            ("popularity", popularity, inline_svg.POPULARITY, "--"),
        ):
            places = range(len(days))
            axes.plot(
                places, number_format.finite(values), line, color=color, marker=marker, markersize=3.5, label=label
            )
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.xaxis.set_major_formatter(lambda place, _: days[int(place)] if 0 <= place < len(days) else "")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=2)

    ends = (_ends(days, "The model of the day before", model), _ends(days, "Popularity", popularity))
    alt = f"Line chart. {title}. {' '.join(ends)}"
    return inline_svg.Chart(title, inline_svg.draw("trend", title, alt, _SIZE, _MARGINS, paint))


def _ends(days: Sequence[str], name: str, values: Sequence[float | None]) -> str:
    known = [(day, value) for day, value in zip(days, values, strict=True) if number_format.is_number(value)]
    if not known:
        return f"{name} has no value."
    first, last = (f"{number_format.decimal(value, 3)} on {day}" for day, value in (known[0], known[-1]))
    return f"{name} has {first} and {last}."
