import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from pipelines import export_versions, model_directory
from pipelines.daily import day_record
from pipelines.daily.state_paths import StatePaths
from serving import manifest
from tests.pipelines.daily import shop_days

_ROOT = pathlib.Path(__file__).parents[2]
_DAYS = (0, 1)
# Where the runs die, one after another, and how often each passes there before.
_DEATHS = [
    "half of digests.json:1",
    "half of day.json:1",
    "before check:1",
    "after check:1",
    "half of a ledger line:2",
    "half of manifest.json:1",
    "after prepare:1",
    "half of day.json:1",
    "after evaluate:1",
    "half of model.json:1",
    "half of checkpoints:2",
    "checkpoints written:1",
    "after train:1",
    "after gate:1",
    "published:1",
    "half of report.html:1",
    "after report:1",
    "after evaluate:1",
    "half of checkpoints:1",
    "best written:1",
    "half of a ledger line:4",
    "published:1",
    "after publish:1",
    "half of day.json:1",
]
_DEATHS_OF_A_BACKFILL = [
    "half of backfill.json:1",
    "removing 2026-11-03:1",
    "removed 2026-11-03:1",
    "half of backfill.json:2",
    "after train:1",
    "published:1",
]


def _run(root, *places) -> None:
    command = [sys.executable, "-m", "tests.pipelines.killed_daily_run", str(root), *places]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def _values(checkpoint) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(checkpoint)
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    # The history holds seconds, and a repeated epoch has been saved once more.
    kept = [name for name in names if not name.startswith("history/") and "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in kept}


def _require_equal_days(expected: pathlib.Path, found: pathlib.Path) -> None:
    for date in day_record.read_all(StatePaths(expected / "state")):
        one, other = (StatePaths(root / "state").day(date) for root in (expected, found))
        # Data, models, metrics of yesterday's model, gates and versions.
        assert one.record.read_bytes() == other.record.read_bytes()
        for part in ("checkpoints", "best"):
            values = [_values(getattr(model_directory.ModelPaths(each.model), part)) for each in (one, other)]
            assert values[0].keys() == values[1].keys()
            for name, value in values[0].items():
                np.testing.assert_array_equal(value, values[1][name], err_msg=name)


def _require_equal_versions(expected: pathlib.Path, found: pathlib.Path) -> None:
    export_dirs = [root / "served" / "shop" for root in (expected, found)]
    assert export_versions.numbers(export_dirs[0]) == export_versions.numbers(export_dirs[1])
    # Nothing lies beside the versions.
    assert sorted(each.name for each in export_dirs[1].iterdir()) == sorted(
        each.name for each in export_dirs[0].iterdir()
    )
    for number in export_versions.numbers(export_dirs[0]):
        one, other = (manifest.read_manifest(each / str(number)) for each in export_dirs)
        for described in (one, other):
            # Of the bytes of the graph, in which functions are numbered as they were traced.
            del described["manifest_sha256"]
            described["files"] = {
                name: each for name, each in described["files"].items() if name.startswith("variables")
            }
        assert one == other


@pytest.mark.drill
def test_days_killed_at_each_stage_and_in_each_write_end_as_undisturbed_ones(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for root in (undisturbed, killed):
        for day in _DAYS:
            shop_days.write(root / "log", day)
    _run(undisturbed)
    _run(killed, *_DEATHS)
    _require_equal_days(undisturbed, killed)
    _require_equal_versions(undisturbed, killed)
    assert not list((killed / "state").rglob(".*.tmp-*"))


@pytest.mark.drill
def test_a_back_fill_killed_anywhere_ends_as_an_undisturbed_one(copied_days, tmp_path):
    shop_days.write(copied_days / "log", 2, shop_days.rows(2, num_rows=100))
    killed = pathlib.Path(shutil.copytree(copied_days, tmp_path / "killed"))
    _run(copied_days, "--again")
    _run(killed, "--again", *_DEATHS_OF_A_BACKFILL)
    _require_equal_days(copied_days, killed)
    _require_equal_versions(copied_days, killed)
    assert export_versions.numbers(killed / "served" / "shop") == [1, 2, 3, 4]
