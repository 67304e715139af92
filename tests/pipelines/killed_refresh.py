"""Refreshes an index and dies by SIGKILL at named places, one after another in one directory, then runs to the end.

python -m tests.pipelines.killed_refresh PREPARED_DIR MODEL_DIR EXPORT_DIR CANDIDATES [PLACE:TIMES ...]

Each run is a fork of a process that has imported everything and started nothing. After each death it looks at what a
server would find, and ends if that is not whole. That an export loads in another process is not tried again.
"""

import pathlib
import sys

from pipelines import export_gates, export_versions, refresh_index
from serving import manifest
from tests.pipelines import deaths, killed_export

# What is served after a death, where it is not the version that was served before all of them.
_SERVED_AFTER = {"published": [1, 2], "half removed": [2]}


def _look(export_dir: str, place: str) -> None:
    found = export_versions.numbers(export_dir)
    if found != _SERVED_AFTER.get(place, [1]):
        sys.exit(f"After {place}, a server finds {found}")
    for version in found:
        version_dir = pathlib.Path(export_dir) / str(version)
        manifest.require_unchanged_files(version_dir, manifest.read_manifest(version_dir))


def main() -> None:
    prepared_dir, model_dir, export_dir, candidates, *places = sys.argv[1:]
    export_gates.require_loadable = lambda *arguments: None
    config = refresh_index.RefreshConfig(prepared_dir, model_dir, export_dir, candidates, keep_versions=1)
    sys.exit(
        deaths.run_through(
            places, killed_export.watch, lambda: refresh_index.run(config), lambda place: _look(export_dir, place)
        )
    )


if __name__ == "__main__":
    main()
