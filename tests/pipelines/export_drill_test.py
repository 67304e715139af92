import pathlib
import subprocess
import sys

import pytest

from pipelines import export, export_versions
from serving import c_api_loader, manifest
from tests.pipelines import killed_export

_ROOT = pathlib.Path(__file__).parents[2]


def _export(line, first, output_dir) -> None:
    program = [sys.executable, "-m", "tests.pipelines.killed_export"]
    command = [*program, line.prepared_dir, line.model_dir, str(first), str(output_dir)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def _answer(version_dir: pathlib.Path) -> list:
    return c_api_loader.load_and_run(version_dir, "similar_candidates", {"candidate_id": ["item-3"]})[
        "candidate_ids"
    ].tolist()


@pytest.mark.drill
def test_an_export_killed_anywhere_leaves_what_served_before_and_the_next_run_sweeps_what_it_left(line, tmp_path):
    first = tmp_path / "first"
    served = export.run(export.ExportConfig(line.prepared_dir, line.model_dir, str(first), "brute_force", 5))
    expected = _answer(served.version_dir)
    _export(line, first, tmp_path)
    for place in killed_export.PLACES:
        export_dir = killed_export.folder_of(tmp_path, "killed", place)
        versions = sorted(path.name for path in export_dir.iterdir() if path.name.isdecimal())
        # A server finds whole versions and nothing else, whatever lies beside them.
        assert versions == {"published": ["1", "2"], "half removed": ["2"]}.get(place, ["1"])
        for version in versions:
            manifest.require_unchanged_files(export_dir / version, manifest.read_manifest(export_dir / version))
        if "1" in versions:
            assert _answer(export_dir / "1") == expected
        if place in killed_export.GOES_ON:
            export_dir = killed_export.folder_of(tmp_path, "next", place)
            versions = ["2"]
        else:
            export_versions.sweep(export_dir)
        # The versions, and no leftover of the run that was killed.
        assert sorted(path.name for path in export_dir.iterdir()) == versions
