import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_STAGES = ("converted_queries", "candidates", "log", "interactions", "queries", "vocabularies", "days")


_SPARK_PLACES = (
    "after the start of Java",
    "in the middle of Spark's writing log",
    "before joining the parts of accepted.parquet",
    "in the middle of joining the parts of interactions.parquet",
    "in the middle of writing queries.parquet",
    "after stage queries",
    "in the middle of Spark's writing parts_of_candidate_id.parquet",
    "before publishing",
    "after the exchange",
)


def _places(program, folder):
    command = [sys.executable, "-m", f"tests.pipelines.{program}", str(folder)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.mark.drill
def test_a_preparation_killed_anywhere_and_run_again_publishes_what_an_undisturbed_one_does(tmp_path):
    places = _places("killed_preparations", tmp_path)
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


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_a_preparation_on_spark_killed_anywhere_and_run_again_publishes_the_same_and_no_java_process_stays(tmp_path):
    lines = _places("killed_spark_preparations", tmp_path)
    assert tuple(line.split(": ")[0] for line in lines) == _SPARK_PLACES
