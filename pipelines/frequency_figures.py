"""The figures of the frequency simulation, as PNG."""

import io
from collections.abc import Callable, Mapping, Sequence

from matplotlib import figure, ticker

_WIDTH_INCHES, _HEIGHT_INCHES, _DOTS_PER_INCH = 7.5, 4.5, 120


def error_by_rate(result: Mapping) -> bytes:
    """Returns error over steps: one hash of the paper's estimator at each rate, and the default estimator."""
    curves = [each for each in result["switch"]["curves"] if each["estimator"] == "paper" and each["num_hashes"] == 1]
    curves += [
        each for each in result["switch"]["curves"] if each["estimator"] == "multiscale" and each["num_hashes"] == 4
    ]
    return _switch_figure(result, curves, "The law of the ids is reversed half way, by learning rate")


def error_by_hashes(result: Mapping) -> bytes:
    """Returns error over steps at equal memory: the default estimator, and the paper's at one rate, by hashes."""
    curves = [
        each
        for each in result["switch"]["curves"]
        if each["num_hashes"] in result["configuration"]["num_hashes"]
        and each["learning_rate"] in (None, result["configuration"]["rate_of_hashes"])
    ]
    return _switch_figure(result, curves, f"By number of hashes, {curves[0]['num_bytes']:,} bytes each")


def error_by_batch_size(result: Mapping) -> bytes:
    """Returns error over the batch size where ids repeat in a batch, beside that of exact counts."""
    canvas, axes = _axes("Ids repeat in a batch (1,682 ids, Zipf .8)", "batch size", result["repeats"]["error"])
    for curve in result["repeats"]["curves"]:
        _draw(axes, result["repeats"]["batch_sizes"], curve)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    return _png(canvas, axes)


# By the name of the file.
FIGURES: Mapping[str, Callable[[Mapping], bytes]] = {
    "error_by_rate": error_by_rate,
    "error_by_hashes": error_by_hashes,
    "error_by_batch_size": error_by_batch_size,
}


def _switch_figure(result: Mapping, curves: Sequence[Mapping], title: str) -> bytes:
    canvas, axes = _axes(title, "step", result["switch"]["error"])
    for curve in curves:
        _draw(axes, result["switch"]["steps"], curve)
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    return _png(canvas, axes)


def _axes(title: str, x_label: str, y_label: str):
    # Without pyplot: no window system is asked for and no global state is kept.
    canvas = figure.Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = canvas.subplots()
    axes.set(title=title, xlabel=x_label, ylabel=y_label, yscale="log")
    axes.grid(visible=True, which="both", alpha=0.3)
    return canvas, axes


def _draw(axes, x: Sequence[int], curve: Mapping) -> None:
    is_default = curve["estimator"] == "multiscale"
    style = {"multiscale": "-", "paper": "--", "exact_counts": ":"}[curve["estimator"]]
    axes.plot(x, curve["mean_error"], style, linewidth=2.2 if is_default else 1.4, label=_label(curve))


def _label(curve: Mapping) -> str:
    if curve["estimator"] == "exact_counts":
        return "exact counts"
    hashes = f"{curve['num_hashes']} hash{'es' if curve['num_hashes'] > 1 else ''}"
    if curve["learning_rate"] is None:
        return f"default, {hashes}"
    return f"paper, rate {curve['learning_rate']:g}, {hashes}"


def _png(canvas: figure.Figure, axes) -> bytes:
    axes.legend(fontsize="small")
    buffer = io.BytesIO()
    # Without the version of the library in it, two machines write the same metadata.
    canvas.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
