"""Where the files of a search lie."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from pipelines import artifacts

_KEY_DIGITS = 16


@dataclasses.dataclass(frozen=True)
class TuningPaths:
    """Paths inside the output directory of a search.

    Attributes:
      directory: the output directory.
    """

    directory: pathlib.Path

    def __init__(self, directory: str | os.PathLike[str]):
        object.__setattr__(self, "directory", pathlib.Path(directory))

    @property
    def search(self) -> pathlib.Path:
        """JSON: what is searched, on what data and by what code."""
        return self.directory / "search.json"

    @property
    def trials_file(self) -> pathlib.Path:
        """Optuna's SQLite file."""
        return self.directory / "trials.sqlite3"

    @property
    def best(self) -> pathlib.Path:
        """JSON: options of the best trial, as `train --config` reads them."""
        return self.directory / "best.json"

    @property
    def summary(self) -> pathlib.Path:
        """JSON: every trial and what it came to."""
        return self.directory / "trials.json"

    @property
    def table(self) -> pathlib.Path:
        """Markdown: the trials as a table."""
        return self.directory / "trials.md"

    @property
    def models(self) -> pathlib.Path:
        """Directory of one model directory per configuration."""
        return self.directory / "models"

    def model(self, options: Mapping[str, Any]) -> pathlib.Path:
        """Returns the model directory of a configuration, the same whenever that is tried."""
        return self.models / artifacts.sha256_of_json(dict(options))[:_KEY_DIGITS]
