"""Draws what changed from epoch to epoch: the loss, and the validation metrics."""

import itertools
import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipelines.report import inline_svg, metric_names, number_format, short_text

_SIZE = (400, 270)
_MARGINS = (46, 14, 44, 26)
_MARGINS_WITH_NAMES = (46, 92, 44, 26)
_NAME_HEIGHT = 17
_NUM_EPOCHS_WITH_MARKERS = 12
_MAX_LEGEND = 34
_COMPARED = ((inline_svg.MODEL, "-"), (inline_svg.OTHER, "--"))
_OUTSTANDING = {"color": inline_svg.MODEL, "linewidth": 2.4}
_ORDINARY = {"color": inline_svg.MUTED, "linewidth": 1.3}


def training_charts(
    history: Sequence[Mapping], best_epoch: int | None = None, watched: str | None = None
) -> list[inline_svg.Chart]:
    """Returns the loss and, where there was validation, recall and the other metrics over epochs.

    Args:
      history: one record per epoch: `epoch`, `loss`, `validation` (metrics or `None`).
      best_epoch: number of the epoch that is marked, or `None`.
      watched: key of the validation metric that chose it; its line stands out.
    """
    epochs = [record["epoch"] for record in history]
    charts = [_loss_chart(epochs, [record.get("loss") for record in history], best_epoch)]
    validations = [record.get("validation") or {} for record in history]
    names = metric_names.ranking_metrics(dict.fromkeys(itertools.chain.from_iterable(validations)))
    for title, chosen in (
        ("Validation recall", [name for name in names if name.startswith("recall")]),
        ("Validation ranking", [name for name in names if not name.startswith("recall")]),
    ):
        lines = {metric_names.label(name): [metrics.get(name) for metrics in validations] for name in chosen}
        if lines:
            charts.append(_metric_chart(title, epochs, lines, best_epoch, metric_names.label(watched or "")))
    return charts


def comparison_chart(
    name: str, models: Sequence[str], histories: Sequence[Sequence[Mapping]], metric: str = "recall_at_10"
) -> inline_svg.Chart | None:
    """Returns one validation metric of two models over their epochs, or `None` where one was not validated.

    Args:
      name: of the figure, unique in the page.
      models: what each is called.
      histories: of each, as in `training_charts`.
      metric: key of the validation metric.
    """
    curves = [[(record.get("validation") or {}).get(metric) for record in history] for history in histories]
    if not all(any(map(number_format.is_number, curve)) for curve in curves):
        return None
    title = f"Validation {metric_names.in_a_sentence(metric)}"

    def paint(axes: Axes) -> None:
        for model, curve, (color, line) in zip(models, curves, _COMPARED, strict=True):
            epochs = range(1, len(curve) + 1)
            label = short_text.shortened(model, _MAX_LEGEND)
            _draw_line(axes, epochs, curve, {"color": color, "linestyle": line, "linewidth": 2.0, "label": label})
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), labelspacing=0.25, handlelength=1.6)
        _finish(axes, range(1, max(map(len, curves)) + 1), None)

    left, right, bottom, top = _MARGINS
    alt = f"Line chart. {title} over epochs. {' '.join(map(_best, models, curves))}"
    svg = inline_svg.draw(name, title, alt, _SIZE, (left, right, bottom, top + _NAME_HEIGHT), paint)
    return inline_svg.Chart(title, svg)


def _best(model: str, curve: Sequence[float | None]) -> str:
    best = max(value for value in curve if number_format.is_number(value))
    return f"{model} has its best, {number_format.decimal(best, 3)}, in epoch {curve.index(best) + 1} of {len(curve)}."


def _loss_chart(epochs: Sequence[int], losses: Sequence[float | None], best_epoch: int | None) -> inline_svg.Chart:
    def paint(axes: Axes) -> None:
        _draw_line(axes, epochs, losses, _OUTSTANDING)
        _finish(axes, epochs, best_epoch)

    alt = _alt("Training loss", epochs, {"Loss": losses}, best_epoch)
    return inline_svg.Chart("Training loss", inline_svg.draw("loss", "Training loss", alt, _SIZE, _MARGINS, paint))


def _metric_chart(
    title: str,
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float | None]],
    best_epoch: int | None,
    watched: str,
) -> inline_svg.Chart:
    def paint(axes: Axes) -> None:
        for name, values in lines.items():
            _draw_line(axes, epochs, values, _OUTSTANDING if name == watched else _ORDINARY)
        axes.set_ylim(bottom=0.0)
        _name_lines(axes, lines, watched)
        _finish(axes, epochs, best_epoch)

    alt = _alt(title, epochs, lines, best_epoch)
    figure = title.lower().replace(" ", "-")
    return inline_svg.Chart(title, inline_svg.draw(figure, title, alt, _SIZE, _MARGINS_WITH_NAMES, paint))


def _draw_line(axes: Axes, epochs: Sequence[int], values: Sequence[float | None], style: dict) -> None:
    marker = "o" if len(epochs) <= _NUM_EPOCHS_WITH_MARKERS else ""
    axes.plot(epochs, number_format.finite(values), marker=marker, markersize=3.5, **style)


def _name_lines(axes: Axes, lines: Mapping[str, Sequence[float | None]], watched: str) -> None:
    """Writes each name beside the last point of its line, pushed up where two would overlap."""
    low, high = axes.get_ylim()
    gap = _NAME_HEIGHT * (high - low) / (axes.get_position().height * _SIZE[1])
    ends = [(_last(values), name) for name, values in lines.items()]
    lowest = -math.inf
    for end, name in sorted(pair for pair in ends if number_format.is_number(pair[0])):
        lowest = max(end, lowest + gap)
        style = {"color": inline_svg.MODEL, "fontweight": "bold"} if name == watched else {"color": inline_svg.MUTED}
        place = axes.get_yaxis_transform()
        axes.text(1.01, lowest, name, va="center_baseline", transform=place, clip_on=False, **style)


def _finish(axes: Axes, epochs: Sequence[int], best_epoch: int | None) -> None:
    """Sets up the axis of epochs and marks the kept one."""
    axes.margins(x=0.03)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_xlabel("Epoch")
    if best_epoch not in epochs:
        return
    axes.axvline(best_epoch, color=inline_svg.INK, linewidth=1.0, linestyle=(0, (3, 3)), zorder=1)
    left, right = axes.get_xlim()
    place = (best_epoch - left) / (right - left)
    side = "left" if place < 0.25 else "right" if place > 0.75 else "center"
    axes.text(place, 1.03, f"kept: epoch {best_epoch}", ha=side, transform=axes.transAxes, clip_on=False)


def _alt(title: str, epochs: Sequence[int], lines: Mapping[str, Sequence[float | None]], best_epoch: int | None) -> str:
    """Returns the value of each line at the first, the kept and the last epoch as a sentence."""
    told = sorted({epochs[0], epochs[-1], best_epoch if best_epoch in epochs else epochs[-1]})
    sentences = []
    for name, values in lines.items():
        points = [f"{number_format.decimal(values[epochs.index(epoch)], 3)} in epoch {epoch}" for epoch in told]
        sentences.append(f"{name} is {', '.join(points)}.")
    kept = f" Epoch {best_epoch} is marked as the one that is kept." if best_epoch in epochs else ""
    return f"Line chart. {title} over {len(epochs)} epochs. {' '.join(sentences)}{kept}"


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if number_format.is_number(value)), None)
