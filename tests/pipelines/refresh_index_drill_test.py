import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from pipelines import export, refresh_index
from serving import manifest
from tests.pipelines import killed_export

_ROOT = pathlib.Path(__file__).parents[2]


def _corpus(version_dir: pathlib.Path) -> list[np.ndarray]:
    reader = tf.train.load_checkpoint(str(version_dir / "variables" / "variables"))
    names = {name.split("/")[2]: name for name in reader.get_variable_to_shape_map() if "retriever/index/" in name}
    return [reader.get_tensor(names[name]) for name in ("_ids", "_embeddings")]


@pytest.mark.drill
def test_a_refresh_killed_at_every_stage_and_write_goes_on_to_the_version_of_an_undisturbed_one(line, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    config = export.ExportConfig(
        line.prepared_dir, line.model_dir, str(undisturbed), "brute_force", 7, display_columns=("title",)
    )
    export.run(config)
    shutil.copytree(undisturbed, killed)
    head, _, *others = line.log.candidates.read_text().splitlines()
    table = tmp_path / "items.csv"
    table.write_text("\n".join([head, *others, "brand-new,New,group2|all,3.0"]) + "\n")
    refresh_index.run(
        refresh_index.RefreshConfig(line.prepared_dir, line.model_dir, str(undisturbed), str(table), keep_versions=1)
    )
    paths = [line.prepared_dir, line.model_dir, str(killed), str(table)]
    died = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.killed_refresh", *paths, *(f"{p}:1" for p in killed_export.PLACES)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    assert died.returncode == 0, died.stderr[-3000:]
    # One version, and no leftover of ten that were killed.
    assert [path.name for path in killed.iterdir()] == ["2"]
    for actual, expected in zip(_corpus(killed / "2"), _corpus(undisturbed / "2"), strict=True):
        np.testing.assert_array_equal(actual, expected)
    described = [manifest.read_manifest(each / "2") for each in (killed, undisturbed)]
    for name in ("model_stamp", "best_checkpoint", "k", "num_candidates", "index_recall_at_7", "display_columns"):
        assert described[0][name] == described[1][name], name
