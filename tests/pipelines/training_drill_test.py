import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from pipelines import export, model_directory
from serving import saved_model
from tests import planted_log
from tests.pipelines import next_day

_ROOT = pathlib.Path(__file__).parents[2]
# One after another in one directory: where the run dies, and at which time that it passes there.
_DEATHS = (
    "data read:1",
    "half of model.json:1",
    "description written:1",
    "step:3",
    "half of best:1",
    "best written:1",
    "half of checkpoints:1",
    "checkpoints written:1",
    "step:2",
    "half of checkpoints:1",
    "half of history.json:2",
    "step:1",
)
# Of what the other run does not have, its draws and its reader.
_DEATHS_OF_WINDOWS = ("step:3", "half of checkpoints:1", "step:2")
# Of what a run that goes on has besides; the drill of daily runs kills it in its checkpoints too.
_DEATHS_OF_A_WARM_START = ("half of learned.json:1", "description written:1", "step:2")


def _train(variant, prepared_dir, model_dir, *deaths) -> None:
    program = [sys.executable, "-m", "tests.pipelines.killed_training"]
    command = [*program, variant, prepared_dir, str(model_dir), *deaths]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def _values(checkpoint) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(checkpoint)
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    # The history holds seconds, and a repeated epoch has been saved once more.
    kept = [name for name in names if not name.startswith("history/") and "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in kept}


def _require_equal_bits(undisturbed, killed) -> None:
    for part in ("checkpoints", "best"):
        folders = (getattr(model_directory.ModelPaths(each), part) for each in (undisturbed, killed))
        expected, found = map(_values, folders)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(value, found[name], err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(line, tmp_path_factory):
    """Model directory of an undisturbed run over interactions."""
    model_dir = tmp_path_factory.mktemp("undisturbed") / "model"
    _train("interactions", line.prepared_dir, model_dir)
    return model_dir


@pytest.mark.drill
def test_a_training_killed_anywhere_ends_with_the_bits_of_an_undisturbed_one(line, undisturbed, tmp_path):
    _train("interactions", line.prepared_dir, tmp_path / "killed", *_DEATHS)
    _require_equal_bits(undisturbed, tmp_path / "killed")


@pytest.mark.drill
def test_a_training_on_windows_killed_in_its_steps_ends_with_the_bits_of_an_undisturbed_one(line, tmp_path):
    _train("windows", line.prepared_dir, tmp_path / "undisturbed")
    _train("windows", line.prepared_dir, tmp_path / "killed", *_DEATHS_OF_WINDOWS)
    _require_equal_bits(tmp_path / "undisturbed", tmp_path / "killed")


@pytest.mark.drill
def test_a_killed_warm_start_ends_with_the_bits_of_an_undisturbed_one_and_serves_what_is_new(undisturbed, tmp_path):
    prepared_dir = next_day.prepare(tmp_path)
    going_on, whole, killed = f"interactions@{undisturbed}", tmp_path / "whole", tmp_path / "killed"
    _train(going_on, prepared_dir, whole)
    _train(going_on, prepared_dir, killed, *_DEATHS_OF_A_WARM_START)
    _require_equal_bits(whole, killed)
    _require_served(prepared_dir, killed, tmp_path / "served" / "shop")


def _require_served(prepared_dir, model_dir, export_dir) -> None:
    """Asks an export of the same day for the candidate that came new, with a row of its own, and by the new query."""
    num_candidates = planted_log.NUM_CANDIDATES + 1
    config = export.ExportConfig(prepared_dir, str(model_dir), str(export_dir), "brute_force", 20, max_k=num_candidates)
    served = saved_model.load_saved_model(export.run(config).version_dir)
    answer = served["serving_default"](
        query_id=[next_day.NEW_QUERY, "shopper-0"], history=[["item-4"], ["item-4"]], k=[num_candidates]
    )
    for row in answer["candidate_ids"].numpy():
        assert next_day.NEW_CANDIDATE.encode() in row.tolist()
    embed = served["embed_candidates"]
    features = {"tags": [["group0", "all"]] * 2, "price": [120.0] * 2}
    known, unknown = embed(candidate_id=[next_day.NEW_CANDIDATE, "item-unknown"], **features)["embedding"].numpy()
    assert np.linalg.norm(known - unknown) > 0.1
    assert tf.train.latest_checkpoint(model_directory.ModelPaths(model_dir).checkpoints).endswith("-3")
