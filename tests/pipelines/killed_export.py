"""Exports a second version, and dies by SIGKILL at one named place after another, each time beside another first one.

python -m tests.pipelines.killed_export PREPARED_DIR MODEL_DIR FIRST_DIR OUTPUT_DIR

FIRST_DIR is copied to OUTPUT_DIR/killed/PLACE, with underscores for spaces, where an export dies. What some leave is
copied to OUTPUT_DIR/next/PLACE, where another runs to its end. Each is a fork of a process that has imported
everything and started nothing.
"""

import os
import pathlib
import shutil
import sys
from collections.abc import Callable

import pyarrow.parquet as pq

from pipelines import export, export_gates, publishing, served_content
from serving import manifest, saved_model, warm_up_requests
from tests.pipelines import deaths

PLACES = (
    "index built",
    "half of the SavedModel",
    "SavedModel written",
    "half of the warm-up",
    "half of the display table",
    "tried",
    "half of the manifest",
    "manifest written",
    "published",
    "half removed",
)
# A next run takes seconds; the first thing it does is to sweep.
GOES_ON = ("half of the SavedModel", "published", "half removed")


def _cut(path: pathlib.Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _after(module: object, name: str, then: Callable[..., None]) -> None:
    """Makes a function of a module call another, with its own arguments, once it has ended."""
    function = getattr(module, name)

    def watched(*arguments: object, **options: object) -> object:
        returned = function(*arguments, **options)
        then(*arguments, **options)
        return returned

    setattr(module, name, watched)


def watch(death: deaths.Death) -> None:
    """Has a death pass each place of an export."""

    def written(served: object, model_dir: pathlib.Path) -> None:
        values = model_dir / "variables" / "variables.data-00000-of-00001"
        death.at("half of the SavedModel", lambda: _cut(values))
        death.at("SavedModel written")

    def described(building: pathlib.Path, content: dict) -> None:
        death.at("half of the manifest", lambda: _cut(building / "assets.extra" / "manifest.json"))
        death.at("manifest written")

    _after(served_content, "build", lambda *arguments: death.at("index built"))
    _after(saved_model, "write_saved_model", written)
    _after(
        warm_up_requests,
        "write_warm_up_requests",
        lambda building, *others: death.at("half of the warm-up", lambda: _cut(building / warm_up_requests.PATH)),
    )
    _after(pq, "write_table", lambda table, path: death.at("half of the display table", lambda: _cut(path)))
    _after(export_gates, "require_loadable", lambda *arguments: death.at("tried"))
    _after(manifest, "write_manifest", described)
    _after(export, "_publish", lambda *arguments: death.at("published"))
    _after(publishing, "move_directory", lambda *arguments: death.at("half removed"))


def _export(prepared_dir: str, model_dir: str, export_dir: pathlib.Path) -> None:
    config = export.ExportConfig(
        prepared_dir, model_dir, str(export_dir), "brute_force", 7, display_columns=("title",), keep_versions=1
    )
    export.run(config)


def folder_of(output_dir: str, name: str, place: str) -> pathlib.Path:
    """Returns where the export that died at a place is, or the next one."""
    return pathlib.Path(output_dir, name, place.replace(" ", "_"))


def main() -> None:
    prepared_dir, model_dir, first, output_dir = sys.argv[1:]
    for place in PLACES:
        killed, following = (folder_of(output_dir, name, place) for name in ("killed", "next"))
        shutil.copytree(first, killed)
        deaths.die(f"{place}:1", watch, lambda killed=killed: _export(prepared_dir, model_dir, killed))
        if place in GOES_ON:
            shutil.copytree(killed, following)
            if deaths.in_fork(lambda following=following: _export(prepared_dir, model_dir, following)):
                sys.exit(f"The export after the one that died at {place} did not end")


if __name__ == "__main__":
    main()
