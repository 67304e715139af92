import pathlib
import subprocess
import sys

import pytest

from pipelines import artifacts

_ROOT = pathlib.Path(__file__).parents[2]
# One after another in one directory: where the run dies, and at which time that it passes there.
_DEATHS = [
    "half of search.json:1",
    "half of trials.sqlite3:1",
    "half of trials.json:1",
    "drawn:1",
    "half of history.json:1",
    "reported:1",
    "trained:1",
    # Each run first tells of the trial that the one before was cut off in, as failed.
    "outcome written:2",
    "told:2",
    "half of best.json:1",
    "ended:1",
    "half of trials.md:2",
]


def _search(prepared_dir, output_dir, *deaths) -> dict:
    command = [sys.executable, "-m", "tests.pipelines.killed_tuning", prepared_dir, str(output_dir), *deaths]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return artifacts.read_json(output_dir / "trials.json")


@pytest.mark.drill
def test_a_search_killed_anywhere_ends_as_an_undisturbed_one(line, tmp_path):
    undisturbed = _search(line.prepared_dir, tmp_path / "undisturbed")
    killed = _search(line.prepared_dir, tmp_path / "killed", *_DEATHS)
    assert undisturbed["num_interrupted"] == 0
    # Those of the deaths from "drawn" on at which a trial was begun and not told of.
    assert killed["num_interrupted"] == 5
    assert killed["trials"] == undisturbed["trials"]
    assert len(killed["trials"]) == 5
    assert {trial["outcome"] for trial in killed["trials"]} == {"finished", "pruned"}
    assert killed["best_trial"] == undisturbed["best_trial"]
    best = [artifacts.read_json(tmp_path / name / "best.json") for name in ("undisturbed", "killed")]
    assert best[0] == best[1]
    # No checkpoints of a trial that lost are left.
    models = list((tmp_path / "killed" / "models").iterdir())
    assert sum((model / "checkpoints").exists() for model in models) == 1
