"""Turns a drawing for a page into a file of its own, with the page's colors and letters."""

import importlib.resources
import re

import markupsafe

# The colors of the light scheme, and of the dark one.
_COLORS = re.compile(r"^(?::root|@media \(prefers-color-scheme: dark\)) \{.*?^\}", re.MULTILINE | re.DOTALL)


def svg_file(svg: markupsafe.Markup) -> str:
    """Returns the drawing as an SVG document that needs nothing but itself.

    It follows the reader's light or dark scheme as the page does, has the page's ground behind it, and is as wide as
    what shows it.

    Args:
      svg: what `inline_svg.draw` returned.
    """
    sheet = importlib.resources.files("pipelines.report").joinpath("templates", "report.css").read_text("utf-8")
    colors = "\n".join(_COLORS.findall(sheet))
    style = f"<style>\n{colors}\nsvg {{ background: var(--ground); }}\n</style>"
    opening, body = re.match(r"(<svg[^>]*>)(.*)", str(svg), re.DOTALL).groups()
    document = opening.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return f'<?xml version="1.0" encoding="utf-8"?>\n{document}{style}{body}\n'
