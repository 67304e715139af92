"""Fills the templates of this package in."""

from collections.abc import Mapping

import jinja2


def render(template: str, page: Mapping) -> str:
    """Returns a page as text; a value that the template asks for and the page has not is an error.

    Args:
      template: name of a file in `templates`.
      page: what it shows; text is escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(page) + "\n"
