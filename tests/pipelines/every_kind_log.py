"""The example of the documentation, as files: a log, two tables and a schema with every kind of feature."""

import pathlib
import re

from pipelines import prepare_data
from tfrs_model import schema as schema_lib

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "schema.md"
_BLOCK = re.compile(r"^```(csv|json)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(language):
    """Returns the page's blocks of a language, in order."""
    return [text for found, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) if found == language]


def config(folder, **options):
    """Writes the files of the page and returns the job that prepares them."""
    folder.mkdir(exist_ok=True)
    names = ("log.csv", "shoppers.csv", "items.csv", "schema.json")
    for name, text in zip(names, [*blocks("csv"), blocks("json")[0]], strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return prepare_data.PrepareConfig(
        **{
            "interactions": str(folder / "log.csv"),
            "queries": str(folder / "shoppers.csv"),
            "candidates": str(folder / "items.csv"),
            "schema": schema_lib.read_schema(folder / "schema.json"),
            "prepared_dir": str(folder / "prepared"),
            **options,
        }
    )
