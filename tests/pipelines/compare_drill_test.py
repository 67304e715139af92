import pathlib
import subprocess
import sys

import pytest

from tests.pipelines import prepared_tables

_ROOT = pathlib.Path(__file__).parents[2]
_ROWS = [
    (query, candidate, moment, split, moment - 1)
    for query, chosen in (("p", "abc"), ("q", "bca"), ("r", "dbe"), ("s", "ade"))
    for moment, (candidate, split) in enumerate(zip(chosen, ("train", "train", "test"), strict=True), start=1)
]
# One after another in one directory. A result is kept once its JSON file is whole, so that the third run, which
# makes popularity's again, is the first that writes arrays twice, the second time those of ALS.
_DEATHS = [
    "test_interaction.npz:1",
    "test_interaction.json:1",
    "test_interaction.npz:2",
    "test_interaction.json:1",
    "comparison.json:1",
]


def _compare(prepared_dir, directory, parameters, *deaths) -> str:
    command = [sys.executable, "-m", "tests.pipelines.killed_comparison", prepared_dir, str(directory), parameters]
    done = subprocess.run([*command, *deaths], cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return (directory / "comparison.json").read_text(encoding="utf-8")


def _names(directory) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*")}


@pytest.mark.drill
def test_a_comparison_killed_in_the_middle_of_each_write_ends_as_an_undisturbed_one(tmp_path):
    prepared_dir = prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcdef"))
    parameters = tmp_path / "als.json"
    parameters.write_text('{"baseline": "als", "embedding_dim": 2, "num_sweeps": 2}', encoding="utf-8")
    undisturbed = _compare(prepared_dir, tmp_path / "undisturbed", str(parameters))
    assert _compare(prepared_dir, tmp_path / "killed", str(parameters), *_DEATHS) == undisturbed
    assert _names(tmp_path / "killed") == _names(tmp_path / "undisturbed")
