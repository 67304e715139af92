"""Stages of a long making: each is done once, however often the run is interrupted."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from pipelines import artifacts, job, publishing


class Stages:
    """Keeps what each finished stage found, in one JSON file a stage, written when all that it wrote is on disk.

    Args:
      work_dir: existing directory for the files; a stage whose file is in it, and whose outputs
        have the sizes that it names, is not run again.
    """

    def __init__(self, work_dir: pathlib.Path):
        self._work_dir = work_dir

    def run(self, name: str, title: str, outputs: Sequence[pathlib.Path], build: Callable[[], dict]) -> dict[str, Any]:
        """Runs a stage, or returns what it found when it ran before.

        Args:
          name: file name of the stage's record.
          title: what the log calls it, such as `Writing queries`.
          outputs: files or directories that it writes.
          build: does the work; returns what a later stage or the manifest needs, as JSON, with
            its `logged` counts for the log's closing line.
        """
        record = self._work_dir / f"{name}.stage.json"
        if record.is_file():
            noted = artifacts.read_json(record)
            if noted["outputs"] == _sizes(outputs):
                job.say_kept(title)
                return noted["found"]
        with job.stage(title) as counts:
            found = build()
            counts |= found.pop("logged", {})
            for output in outputs:
                publishing.flush_tree(output)
            artifacts.write_json(record, {"found": found, "outputs": _sizes(outputs)})
        return found


def _sizes(outputs: Sequence[pathlib.Path]) -> dict[str, int]:
    files = [file for output in outputs for file in (sorted(output.rglob("*")) if output.is_dir() else [output])]
    return {f"{file.parent.name}/{file.name}": file.stat().st_size for file in files if file.is_file()}
