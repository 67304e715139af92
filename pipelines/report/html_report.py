"""Writes what a run found as one HTML page that needs nothing but itself.

    html_report.write_html_report(artifacts.read_json("report.json"), "report.html")

The page carries its style sheet and its charts, runs no script and asks no other
host for anything. The same report gives the same bytes.
"""

import os
import pathlib
import uuid
from collections.abc import Mapping

import jinja2

from pipelines.report import sections

_TEMPLATE = "report.html.j2"


def write_html_report(report: Mapping, path: str | os.PathLike[str]) -> None:
    """Writes the page; a reader sees the old file or the new one, never half of it.

    Args:
      report: content of `report.json`; a section whose keys are missing is left out.
      path: HTML file to write; its directory must exist.
    """
    path = pathlib.Path(path)
    page = render_html_report(report)
    temporary = path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}"
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def render_html_report(report: Mapping) -> str:
    """Returns the page as text; see `write_html_report`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(sections.page(report)) + "\n"
