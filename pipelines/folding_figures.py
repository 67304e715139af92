"""The figures of the study of folding: foreign share over the dose of a cure, and maps of candidates."""

from collections.abc import Mapping, Sequence

import markupsafe
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pipelines.report import inline_svg, number_format
from tfrs_model.diagnostics import group_map

_SIZE, _MARGINS = (420, 300), (52, 14, 46, 62)
_MAP_SIZE, _MAP_MARGINS = (300, 310), (10, 10, 10, 20)
_LINES = ({"color": inline_svg.MODEL, "marker": "o"}, {"color": inline_svg.POPULARITY, "marker": "s"})
# Okabe and Ito's colors that are told apart in most kinds of color blindness (Wong, Nature Methods 2011); the shape
# tells groups apart as well.
_GROUP_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#d6c500", "#0072b2", "#d55e00", "#cc79a7", inline_svg.INK)
_GROUP_MARKERS = "osD^vP*X"


def dose_curve(name: str, x_label: str, lines: Mapping[str, Sequence[Mapping]], chance: float) -> markupsafe.Markup:
    """Returns foreign share over dose, each line a mean over seeds with their range, beside chance.

    Args:
      name: of the figure.
      x_label: what the dose is.
      lines: by name, points with `dose`, `foreign_share`, `lowest` and `highest`; all lines have the same doses.
      chance: foreign share of an order at random.
    """
    doses = [f"{point['dose']:g}" for point in next(iter(lines.values()))]
    places = range(len(doses))

    def paint(axes: Axes) -> None:
        axes.axhline(chance, color=inline_svg.MUTED, linewidth=1.0, linestyle=(0, (3, 3)), label="at random")
        for style, (line, points) in zip(_LINES, lines.items(), strict=False):
            low, high = ([point[end] for point in points] for end in ("lowest", "highest"))
            axes.fill_between(places, low, high, color=style["color"], alpha=0.18, linewidth=0)
            axes.plot(places, [point["foreign_share"] for point in points], label=line, markersize=4.5, **style)
        # A dose of 0 has no place on a scale of powers.
        axes.set_xticks(places, doses)
        axes.set_ylim(-0.02, 1.0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel(x_label)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), labelspacing=0.2, handlelength=1.6)

    told = "; ".join(
        f"{line}: " + ", ".join(_told(dose, point) for dose, point in zip(doses, points, strict=True))
        for line, points in lines.items()
    )
    alt = f"Line chart. Foreign share in the top 10 by {x_label}. {told}. At random {number_format.percent(chance)}."
    return inline_svg.draw(name, f"Foreign share by {x_label}", alt, _SIZE, _MARGINS, paint)


def _told(dose: str, point: Mapping) -> str:
    return f"{number_format.percent(point['foreign_share'])} at {dose}"


def candidate_map(name: str, title: str, candidates: np.ndarray, groups: np.ndarray) -> markupsafe.Markup:
    """Returns a map of candidates, each group in a color and shape of its own, as `group_map` places them.

    Args:
      name: of the figure.
      title: what is mapped.
      candidates: `[num_candidates, embedding_dim]`.
      groups: `[num_candidates]` int64 in [0, num_groups).
    """
    places, explained = group_map.places_by_group(candidates, groups)

    def paint(axes: Axes) -> None:
        for group in np.unique(groups):
            own = places[groups == group]
            color = _GROUP_COLORS[group % len(_GROUP_COLORS)]
            marker = _GROUP_MARKERS[group % len(_GROUP_MARKERS)]
            axes.scatter(own[:, 0], own[:, 1], s=22, color=color, marker=marker, linewidths=0, alpha=0.8)
        # The same frame for every map: what folds is small in it.
        axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
        axes.set_axis_off()
        axes.set_title(title, fontsize=12.5, color=inline_svg.INK)

    alt = (
        f"Map of {len(places)} candidates of {len(np.unique(groups))} groups: {title}. A linear map explains "
        f"{number_format.percent(explained)} of which corner of a polygon each belongs to."
    )
    return inline_svg.draw(name, title, alt, _MAP_SIZE, _MAP_MARGINS, paint)
