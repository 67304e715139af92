"""What training leaves behind, and how the trained towers are read back.

model_dir/
  description/      model.json (options, seed, stamp) and what it learned of the data, see `learned_data`:
                    manifest.json and vocabularies/ are all that the model needs besides its weights
  checkpoints/      all that shapes the next step, of the newest epochs
  best/             the towers of the best epoch by validation, or of the last without one
  history.json      loss, speed and validation metrics of each epoch
  tensorboard/      curves
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from pipelines import artifacts, learned_data, prepared_data, publishing, source_digest
from tfrs_model import model_config, two_tower, two_tower_builder
from tfrs_model import schema as schema_lib

FORMAT_VERSION = 4

_STAMP_KEY = "stamp/.ATTRIBUTES/VARIABLE_VALUE"
# What shapes the weights, given options and data.
TRAINING_SOURCES = (
    "tfrs_model",
    "pipelines/checkpoint_values.py",
    "pipelines/examples.py",
    "pipelines/feature_arrays.py",
    "pipelines/feeding.py",
    "pipelines/history_windows.py",
    "pipelines/interaction_rows.py",
    "pipelines/learned_data.py",
    "pipelines/offline_evaluation.py",
    "pipelines/prepared_data.py",
    "pipelines/run_directory.py",
    "pipelines/sightings.py",
    "pipelines/stream_rows.py",
    "pipelines/train.py",
    "pipelines/training_state.py",
    "pipelines/training_stream.py",
    "pipelines/warm_start.py",
)


class ModelDirectoryError(ValueError):
    """The model directory is missing, unfinished, or was made from other options or other data."""


class OtherSchemaError(ModelDirectoryError):
    """The model was trained with another schema than that of the data it is to read."""


@dataclasses.dataclass(frozen=True)
class ModelPaths:
    """Paths inside a model directory.

    Attributes:
      directory: the directory that `pipelines.train` writes.
    """

    directory: pathlib.Path

    def __init__(self, directory: str | os.PathLike[str]):
        object.__setattr__(self, "directory", pathlib.Path(directory))

    @property
    def description(self) -> pathlib.Path:
        """Directory: options, manifest and vocabularies."""
        return self.directory / "description"

    @property
    def checkpoints(self) -> pathlib.Path:
        """TensorFlow checkpoints of the whole training state."""
        return self.directory / "checkpoints"

    @property
    def best(self) -> pathlib.Path:
        """TensorFlow checkpoint of the best towers."""
        return self.directory / "best"

    @property
    def history(self) -> pathlib.Path:
        """JSON list with an object per epoch."""
        return self.directory / "history.json"

    @property
    def of_training(self) -> tuple[pathlib.Path, ...]:
        """All that training writes; the description first, since nothing is a run without it."""
        return self.description, self.checkpoints, self.best, self.history, self.tensorboard

    @property
    def tensorboard(self) -> pathlib.Path:
        """TensorBoard event files."""
        return self.directory / "tensorboard"


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """What a model is and what it was made from, apart from its weights.

    Attributes:
      config: the model's options.
      seed: of the initial rows and of every draw.
      training_options: what else shapes the weights: optimizer, batch size, learning rate.
      prepared_data_sha256: identifies the prepared data.
      warm_start: tells from which run and how this one went on; `None` for one that started afresh.
      source_sha256: of the code that trains.
    """

    config: model_config.ModelConfig
    seed: int
    training_options: dict
    prepared_data_sha256: str
    warm_start: dict | None = None
    source_sha256: str = dataclasses.field(default_factory=lambda: training_source_sha256())

    @property
    def stamp(self) -> str:
        """64 hexadecimal digits that differ whenever options, seed, data or code differ."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()


def training_source_sha256() -> str:
    """Returns the digest of the code that trains and asks a model."""
    return source_digest.source_sha256(*TRAINING_SOURCES)


def write_description(
    model_dir: str | os.PathLike[str], description: ModelDescription, learned: learned_data.LearnedData
) -> None:
    """Writes the description, with what is learned of the data, whole or not at all."""
    with publishing.replace_directory(ModelPaths(model_dir).description) as building:
        learned.write(building)
        artifacts.write_json(
            building / "model.json",
            {"format_version": FORMAT_VERSION, "stamp": description.stamp, **dataclasses.asdict(description)},
        )


def read_description(model_dir: str | os.PathLike[str]) -> ModelDescription:
    """Reads a description back.

    Raises:
      ModelDirectoryError: if there is none, or its format is another one.
    """
    path = ModelPaths(model_dir).description / "model.json"
    if not path.exists():
        raise ModelDirectoryError(f"{model_dir} holds no model; train one with --model_dir={model_dir}.")
    raw = artifacts.read_json(path)
    if raw.get("format_version") != FORMAT_VERSION:
        raise ModelDirectoryError(
            f"{path} has format_version {raw.get('format_version')!r}, but this version reads {FORMAT_VERSION}; "
            "train again."
        )
    return ModelDescription(
        config=model_config.ModelConfig.from_dict(raw["config"]),
        seed=raw["seed"],
        training_options=raw["training_options"],
        prepared_data_sha256=raw["prepared_data_sha256"],
        warm_start=raw.get("warm_start"),
        source_sha256=raw["source_sha256"],
    )


def build_model(model_dir: str | os.PathLike[str], similarity: str | None = None) -> two_tower.TwoTowerModel:
    """Returns the untrained model that a model directory describes, or one of another similarity."""
    description = read_description(model_dir)
    config = description.config
    if similarity not in (None, config.similarity):
        config = dataclasses.replace(config, similarity=similarity, learn_temperature=False)
    inputs = prepared_data.read_model_inputs(ModelPaths(model_dir).description)
    return two_tower_builder.build_two_tower(config, inputs, description.seed)


def restore_model(
    model_dir: str | os.PathLike[str], checkpoint_name: str, similarity: str | None = None
) -> two_tower.TwoTowerModel:
    """Returns the model with its best towers; the frequency estimate stays untrained, nothing after training reads it.

    Args:
      model_dir: directory that `pipelines.train` wrote.
      checkpoint_name: what `best_checkpoint_name` returned. It is asked for once, so that a
        run that ends an epoch meanwhile cannot put other towers under the same label.
      similarity: what the towers' outputs are made for instead of what they were trained for: with `dot` they are
        those before any division by their lengths. `None` for that of the training.

    Raises:
      ModelDirectoryError: if the checkpoint is damaged, or was replaced meanwhile.
    """
    model = build_model(model_dir, similarity)
    restore_towers(model, model_dir, checkpoint_name)
    return model


def restore_towers(model: two_tower.TwoTowerModel, model_dir: str | os.PathLike[str], checkpoint_name: str) -> None:
    """Puts the best towers of a model directory into a model that was built like the trained one.

    Raises:
      ModelDirectoryError: if the checkpoint is damaged, of another model, or was replaced meanwhile.
    """
    build_towers(model)
    best = ModelPaths(model_dir).best / checkpoint_name
    with readable(best):
        towers_checkpoint(model).restore(best).assert_existing_objects_matched().expect_partial()


def read_stamp(checkpoint: str | os.PathLike[str]) -> bytes | None:
    """Returns the stamp of the run that wrote a training checkpoint, or `None` if it has none."""
    with readable(checkpoint):
        reader = tf.train.load_checkpoint(os.fspath(checkpoint))
        return reader.get_tensor(_STAMP_KEY) if reader.has_tensor(_STAMP_KEY) else None


@contextlib.contextmanager
def readable(checkpoint: str | os.PathLike[str]) -> Iterator[None]:
    """Turns what TensorFlow raises over a damaged or missing checkpoint into one sentence."""
    try:
        yield
    except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
        raise ModelDirectoryError(
            f"Checkpoint {checkpoint} is damaged, incomplete or gone; train on with --resume if an older one is left "
            "beside it, or afresh with --noresume."
        ) from error


def best_checkpoint_name(model_dir: str | os.PathLike[str]) -> str:
    """Returns the name of the checkpoint of the best towers, which ends in the number of its epoch.

    Raises:
      ModelDirectoryError: if training has not finished its first epoch.
    """
    best = tf.train.latest_checkpoint(ModelPaths(model_dir).best)
    if best is None:
        raise ModelDirectoryError(f"{model_dir} has no finished epoch; run train again with --resume.")
    return pathlib.Path(best).name


def validation_metrics(model_dir: str | os.PathLike[str], checkpoint_name: str) -> dict[str, float] | None:
    """Returns what the towers of a checkpoint came to on validation, or `None` if they were trained without any."""
    epoch = int(checkpoint_name.rpartition("-")[2])
    history = artifacts.read_json(ModelPaths(model_dir).history)
    # A run that is killed behind an epoch's checkpoint has not written its record yet.
    return history[epoch - 1]["validation"] or None if epoch <= len(history) else None


def build_towers(model: two_tower.TwoTowerModel) -> None:
    """Creates every weight of the towers by encoding one row of empty inputs."""
    for tower in (model.query_tower, model.candidate_tower):
        tower({name: _empty_row(spec) for name, spec in tower.input_specs.items()})


def require_schema(model_dir: str | os.PathLike[str], data: prepared_data.PreparedData) -> None:
    """Checks that a model can read this data.

    Raises:
      OtherSchemaError: if it was trained with another schema.
    """
    manifest = artifacts.read_json(artifacts.PreparedPaths(ModelPaths(model_dir).description).manifest)
    if schema_lib.Schema.from_dict(manifest["schema"]) != data.schema:
        raise OtherSchemaError(
            f"The model in {model_dir} was trained with another schema than that of {data.paths.directory}; "
            "prepare the data with the model's schema, or train again."
        )


def was_trained_on(model_dir: str | os.PathLike[str], data: prepared_data.PreparedData) -> bool:
    """Returns whether a model was trained on this data; if not, it may have been fitted on what this holds out."""
    return read_description(model_dir).prepared_data_sha256 == data.manifest_sha256


def towers_checkpoint(model: two_tower.TwoTowerModel) -> tf.train.Checkpoint:
    """Returns the checkpoint of what serves: the two towers, without any training state."""
    return tf.train.Checkpoint(query_tower=model.query_tower, candidate_tower=model.candidate_tower)


def _empty_row(spec: tf.TensorSpec) -> tf.Tensor:
    return tf.zeros([1] * spec.shape.rank, spec.dtype)
