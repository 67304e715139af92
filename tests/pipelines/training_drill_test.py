import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from pipelines import model_directory

ROOT = pathlib.Path(__file__).parents[2]
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


def train(variant, prepared_dir, model_dir, *deaths) -> None:
    program = [sys.executable, "-m", "tests.pipelines.killed_training"]
    command = [*program, variant, prepared_dir, str(model_dir), *deaths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def values(checkpoint) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(checkpoint)
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    # The history holds seconds, and a repeated epoch has been saved once more.
    kept = [name for name in names if not name.startswith("history/") and "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in kept}


@pytest.mark.drill
@pytest.mark.parametrize(("variant", "deaths"), [("interactions", _DEATHS), ("windows", _DEATHS_OF_WINDOWS)])
def test_a_training_killed_anywhere_ends_with_the_bits_of_an_undisturbed_one(line, tmp_path, variant, deaths):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    train(variant, line.prepared_dir, undisturbed)
    train(variant, line.prepared_dir, killed, *deaths)
    for part in ("checkpoints", "best"):
        folders = (getattr(model_directory.ModelPaths(each), part) for each in (undisturbed, killed))
        expected, found = map(values, folders)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(value, found[name], err_msg=name)
