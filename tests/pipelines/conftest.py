"""One planted log, prepared, trained and exported once for all tests that read the result."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from pipelines import export, model_directory, prepare_data, train, training_config
from tests import planted_log
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
