"""Draws estimated sampling probabilities against the shares with which candidates came."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from pipelines.report import inline_svg, number_format

_TITLE = "Estimated sampling probability against observed share"
_SIZE = (400, 330)
_MARGINS = (58, 14, 46, 10)


def calibration_chart(bins: Sequence[Mapping]) -> inline_svg.Chart:
    """Returns the bins on logarithmic axes, with bars over eight tenths of their candidates and the line of equality.

    Args:
      bins: `observed`, `estimated`, `low_ratio`, `high_ratio` and `num_ids` of each, rarest first; one at least.
    """
    observed = [each["observed"] for each in bins]
    estimated = [each["estimated"] for each in bins]
    low = [each["observed"] * each["low_ratio"] for each in bins]
    high = [each["observed"] * each["high_ratio"] for each in bins]

    def paint(axes: Axes) -> None:
        ends = [min(observed + low) / 1.6, max(observed + high) * 1.6]
        axes.plot(ends, ends, color=inline_svg.MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="equal")
        for place, *between in zip(observed, low, high, strict=True):
            axes.plot([place, place], between, color=inline_svg.MODEL, linewidth=1.6)
        axes.plot(
            observed, estimated, linestyle="", marker="o", markersize=5.5, color=inline_svg.MODEL, label="estimated"
        )
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        axes.minorticks_off()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: number_format.power_of_ten(value))
        axes.grid(visible=True, axis="both")
        axes.set_xlabel("Share of the training stream")
        axes.set_ylabel("Estimated probability", labelpad=2)
        axes.legend(loc="upper left", labelspacing=0.25, handlelength=1.4)

    return inline_svg.Chart(_TITLE, inline_svg.draw("calibration", _TITLE, _alt(bins), _SIZE, _MARGINS, paint))


def _alt(bins: Sequence[Mapping]) -> str:
    told = [
        f"of {number_format.count(each['num_ids'])} candidates with a share about "
        f"{number_format.scientific(each['observed'])} the estimate is "
        f"{number_format.decimal(each['estimated'] / each['observed'], 2)} of it"
        for each in bins
    ]
    return f"Dots on logarithmic axes, rarest first: {'; '.join(told)}."
