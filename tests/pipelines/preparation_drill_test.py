import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_STAGES = ("converted_queries", "candidates", "log", "interactions", "queries", "vocabularies", "days")


@pytest.mark.drill
def test_a_preparation_killed_anywhere_and_run_again_publishes_what_an_undisturbed_one_does(tmp_path):
    command = [sys.executable, "-m", "tests.pipelines.killed_preparations", str(tmp_path)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    places = done.stdout.splitlines()
    for name in _STAGES:
        assert f"before stage {name}" in places
        assert f"after stage {name}" in places
    for file in (
        "interactions.parquet",
        "queries.parquet",
        "candidate_id.parquet",
        "in_time.parquet",
        "queries_00000.parquet",
        "manifest.json",
    ):
        assert f"in the middle of writing {file}" in places
    # The days' files have the name of the whole.
    assert places.count("in the middle of writing interactions.parquet") > 1
    for event in ("publishing", "the exchange"):
        assert {f"before {event}", f"after {event}"} <= set(places)
