"""One planted log, prepared, trained and exported once for all tests that read the result."""

import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from pipelines import daily_run, export, export_gates, model_directory, prepare_data, train, training_config
from tests import planted_log
from tests.pipelines.daily import shop_days
from tfrs_model import schema as schema_lib

TRAINING_OPTIONS = {
    "embedding_dim": 16,
    "batch_size": 128,
    "num_epochs": 12,
    "learning_rate": 0.01,
    "history_length": 5,
}


@dataclasses.dataclass(frozen=True)
class Line:
    """Directories of every arrow."""

    log: planted_log.PlantedLog
    prepared_dir: str
    model_dir: str
    export_dir: str


def prepare_config(log: planted_log.PlantedLog, prepared_dir: pathlib.Path) -> prepare_data.PrepareConfig:
    return prepare_data.PrepareConfig(
        interactions=str(log.interactions),
        candidates=str(log.candidates),
        queries=str(log.queries),
        schema=schema_lib.read_schema(log.schema),
        prepared_dir=str(prepared_dir),
    )


@pytest.fixture(scope="session")
def line(tmp_path_factory) -> Line:
    root = tmp_path_factory.mktemp("line")
    log = planted_log.write(root / "raw")
    made = Line(log, str(root / "prepared"), str(root / "model"), str(root / "served" / "shop"))
    prepare_data.run(prepare_config(log, root / "prepared"))
    train.run(
        train.TrainJobConfig(made.prepared_dir, made.model_dir, training_config.training_config(TRAINING_OPTIONS))
    )
    export.run(export.ExportConfig(made.prepared_dir, made.model_dir, made.export_dir, "scann", 20))
    return made


@pytest.fixture
def unloaded_exports(monkeypatch) -> None:
    """Leaves out the loader of TensorFlow Serving, seconds for each version; tests of the export ask it."""
    monkeypatch.setattr(export_gates, "require_loadable", lambda *arguments: None)


@pytest.fixture(scope="session")
def three_days(tmp_path_factory) -> tuple[pathlib.Path, daily_run.DailyRunResult]:
    """Returns the folder of three days that were done, and what the run returned."""
    root = tmp_path_factory.mktemp("three_days")
    for day in range(3):
        shop_days.write(root / "log", day)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_gates, "require_loadable", lambda *arguments: None)
        return root, daily_run.run(shop_days.config(root))


@pytest.fixture
def copied_days(three_days, tmp_path, unloaded_exports) -> pathlib.Path:
    """Returns the folder of the three days, to go on in."""
    return pathlib.Path(shutil.copytree(three_days[0], tmp_path / "copied"))


def tower_weights(model_dir) -> list[np.ndarray]:
    """Returns the weights of both towers of the best epoch."""
    model = model_directory.restore_model(model_dir, model_directory.best_checkpoint_name(model_dir))
    return [weight.numpy() for weight in (*model.query_tower.weights, *model.candidate_tower.weights)]


def newest_state(model_dir) -> dict[str, np.ndarray]:
    """Everything in the newest checkpoint but the wall clock in its history."""
    reader = tf.train.load_checkpoint(model_directory.ModelPaths(model_dir).checkpoints)
    names = [
        name
        for name in reader.get_variable_to_shape_map()
        if not name.startswith("history/") and "save_counter" not in name
    ]
    return {name: reader.get_tensor(name) for name in names if name != "_CHECKPOINTABLE_OBJECT_GRAPH"}
