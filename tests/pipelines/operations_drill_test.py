"""The commands of docs/operations.md, in their order, in an empty folder."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from serving import saved_model

_ROOT = pathlib.Path(__file__).parents[2]
_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _run(block: str, folder: pathlib.Path) -> str:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(_ROOT),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{block}\n{done.stderr[-3000:]}"
    return done.stdout


def _served(folder: pathlib.Path) -> list[str]:
    directory = folder / "served" / "movielens"
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Returns the folder, and of each block its text, what it printed and what was served after it."""
    folder = tmp_path_factory.mktemp("operations")
    steps = []
    for block in _BLOCK.findall((_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")):
        printed = _run(block, folder)
        steps.append((block, printed, _served(folder)))
    return folder, steps


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_the_page_leads_from_an_empty_folder_over_three_days_and_a_rollback_to_a_refreshed_index(walked):
    folder, steps = walked
    assert [served for _, _, served in steps] == [
        *([], []),
        *(["1"], ["1", "2", "3"]),
        *([".withdrawn-3", "1", "2"], [".withdrawn-3", "1", "2"]),
        *([".withdrawn-3", "1", "2", "4"],) * 2,
    ]
    assert (folder / "state" / "days" / "1998-04-22" / "report.html").exists()
    leftovers = [path for path in folder.rglob(".*") if re.search(r"\.(tmp|part|old)-", path.name)]
    assert leftovers == []


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_a_film_that_came_after_the_training_is_served_by_the_refreshed_version(walked):
    folder, _ = walked
    served = saved_model.load_saved_model(folder / "served" / "movielens" / "4")
    answers = served["similar_candidates"](candidate_id=["new-film"], k=[5])["candidate_ids"].numpy().tolist()
    assert len(set(answers[0]) - {b"new-film"}) == 5


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_dry_runs_and_the_ledger_say_what_the_page_says(walked):
    _, steps = walked
    printed = [text for _, text, _ in steps]
    assert "1998-04-21: train\n1998-04-22: train\n" in printed[3]
    assert "1998-04-22: train" in printed[5]
    assert re.search(r'"num_new": 1, "num_kept": 1682, "num_removed": 0, "num_outside_vocabulary": \d+', printed[6])
    for version in (1, 2, 3):
        assert re.search(rf"publish\s+│\s+done\s+│\s+[0-9.]+\s+│\s+{version} ", printed[7]), printed[7]
    assert re.search(r"rollback\s+│\s+done", printed[7]), printed[7]
    assert re.search(r"refresh_index\s+│\s+done\s+│\s+[0-9.]+\s+│\s+4 ", printed[7]), printed[7]
