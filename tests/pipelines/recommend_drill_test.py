import pathlib
import signal
import subprocess
import sys

import pytest

from pipelines import recommend
from tests.pipelines import bulk_export, killed_recommend

_ROOT = pathlib.Path(__file__).parents[2]
# Of three shards, those that are whole when a run has died at a place of its second.
_WHOLE = {"half of the manifest": 0, "manifest written": 0, "shard renamed": 2}


def _contents(directory: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.drill
def test_bulk_answers_killed_anywhere_go_on_to_the_same_files(tmp_path):
    version_dir = bulk_export.write(tmp_path / "1")
    queries = bulk_export.write_queries(tmp_path / "queries.parquet")

    def config(answers_dir: pathlib.Path) -> recommend.RecommendConfig:
        return recommend.RecommendConfig(
            str(version_dir), str(answers_dir), query_files=str(queries), num_shards=3, batch_size=9
        )

    recommend.run(config(tmp_path / "undisturbed"))
    expected = _contents(tmp_path / "undisturbed")
    assert len(expected) == 4
    for place in killed_recommend.PLACES:
        answers_dir = tmp_path / place.replace(" ", "_")
        command = [sys.executable, "-m", "tests.pipelines.killed_recommend", version_dir, queries, answers_dir, place]
        died = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
        assert died.returncode == -signal.SIGKILL, (place, died.stderr[-3000:])
        # Whatever has its final name is whole.
        found = {name: content for name, content in _contents(answers_dir).items() if not name.startswith(".")}
        assert found.items() <= expected.items(), place
        whole = _WHOLE.get(place, 1)
        assert len([name for name in found if name.startswith("shard-")]) == whole, place
        summary = recommend.run(config(answers_dir))
        assert (summary["shards_kept"], summary["shards_written"], summary["queries"]) == (whole, 3 - whole, 64), place
        # Nothing is left of the run that was killed.
        assert _contents(answers_dir) == expected, place
