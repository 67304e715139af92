"""Draws a figure as SVG that lives inside a page: its letters and colors are the page's own.

Colors are drawn as placeholders that become custom properties of the page's style
sheet, so that one drawing follows the reader's light or dark scheme. The bytes
depend on nothing but what is drawn: no date, no random ids, no local matplotlibrc.
"""

import dataclasses
import io
import re
from collections.abc import Callable
from typing import Any

import markupsafe
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, RULE, MODEL, POPULARITY, OTHER = (f"#0{digit}0{digit}0{digit}" for digit in range(1, 7))
_PROPERTIES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    MODEL: "model",
    POPULARITY: "popularity",
    OTHER: "other",
}

_UNITS_PER_INCH = 72
_STYLE = {
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 12.5,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawing and its heading.

    Attributes:
      title: what is drawn, in a few words.
      svg: the element, safe to put into a page.
    """

    title: str
    svg: markupsafe.Markup


def draw(
    name: str,
    title: str,
    alt: str,
    size: tuple[int, int],
    margins: tuple[int, int, int, int],
    paint: Callable[[Axes], None],
) -> markupsafe.Markup:
    """Returns an `<svg>` element with one pair of axes.

    Args:
      name: of the figure, unique in the page; its ids start with it.
      title: what is drawn, in a few words.
      alt: what the figure shows, for who cannot see it.
      size: width and height in CSS pixels at which letters have their nominal size.
      margins: left, right, bottom, top, between the axes and the edge, in the same unit.
      paint: draws into the axes.
    """
    width, height = size
    left, right, bottom, top = margins
    with matplotlib.rc_context({**_defaults(), **_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width / _UNITS_PER_INCH, height / _UNITS_PER_INCH))
        box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
        paint(figure.add_axes(box))
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    return _as_part_of_a_page(file.getvalue(), opening(name, title, alt, size), name)


def _defaults() -> dict[str, Any]:
    """Returns matplotlib's own settings, whatever a local matplotlibrc says; the backend may not be switched."""
    return {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}


def opening(name: str, title: str, alt: str, size: tuple[int, int]) -> markupsafe.Markup:
    """Returns the start of an `<svg>` element that says in words what it shows; the arguments are those of `draw`."""
    return markupsafe.Markup(
        '<svg role="img" aria-labelledby="{0}-title" aria-describedby="{0}-desc" viewBox="0 0 {1} {2}">'
        '<title id="{0}-title">{3}</title><desc id="{0}-desc">{4}</desc>'
    ).format(name, *size, title, alt)


def _as_part_of_a_page(document: str, start: markupsafe.Markup, name: str) -> markupsafe.Markup:
    """Keeps what is inside the root element, under ids of its own and with the page's colors and letters."""
    body = document[re.search(r"<svg\b[^>]*>", document).end() : document.rindex("</svg>")]
    body = re.sub(r"<style\b.*?</style>", "", body, flags=re.DOTALL)  # It would style the whole page.
    body = body.replace("xlink:href=", "href=")
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", body)
    for placeholder, custom_property in _PROPERTIES.items():
        body = body.replace(placeholder, f"var(--{custom_property})")
    return markupsafe.Markup(f"{start}{body}</svg>")
