"""Writes what a run found as one HTML page that needs nothing but itself.

    html_report.write_html_report(artifacts.read_json("report.json"), "report.html")

The page carries its style sheet and its charts, runs no script and asks no other
host for anything. The same report gives the same bytes.
"""

import os
from collections.abc import Mapping

from pipelines import artifacts
from pipelines.report import page_template, sections

_TEMPLATE = "report.html.j2"


def write_html_report(report: Mapping, path: str | os.PathLike[str]) -> None:
    """Writes the page; a reader sees the old file or the new one, never half of it.

    Args:
      report: content of `report.json`; a section whose keys are missing is left out.
      path: HTML file to write; its directory must exist.
    """
    artifacts.write_text(path, render_html_report(report))


def render_html_report(report: Mapping) -> str:
    """Returns the page as text; see `write_html_report`."""
    return page_template.render(_TEMPLATE, sections.page(report))
