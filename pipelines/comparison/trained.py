"""Models of the training job as systems: a configuration, a directory that was trained before, the softmax DNN."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from pipelines import (
    encoding,
    feeding,
    job,
    kept_results,
    model_directory,
    offline_evaluation,
    prepared_data,
    train,
    training_config,
)
from pipelines.comparison.questions import Ask
from tfrs_model import model_config, ranking, two_tower_builder
from tfrs_model.baselines import softmax_dnn


def ask_directory(data: prepared_data.PreparedData, model_dir: pathlib.Path) -> Ask:
    """Returns what ranks by the best towers of a directory that `train` wrote.

    Raises:
      ModelDirectoryError: if it holds no finished epoch, or was trained with another schema.
    """
    model_directory.require_schema(model_dir, data)
    return _ask_best_of(model_dir, data)


def require_options(options: Mapping[str, Any], is_softmax_dnn: bool = False) -> None:
    """Checks training options before anything is trained.

    Raises:
      ConfigError, ModelConfigError, OptimizerConfigError: if one is unknown or out of its range, or is the seed.
    """
    if "seed" in options:
        raise job.ConfigError("seed is that of --seeds_per_system, from 0; leave it out of the file.")
    training = training_config.training_config(dict(options))
    if is_softmax_dnn:
        softmax_dnn.require_valid(training.model)


def train_and_ask(
    data: prepared_data.PreparedData,
    options: Mapping[str, Any],
    seed: int,
    directory: pathlib.Path,
    is_softmax_dnn: bool = False,
) -> Ask:
    """Trains in `directory / "model"`; what lies there of another origin is discarded, of the same continued.

    Args:
      data: what it is trained on.
      options: training options, named like their flags, without a seed.
      seed: of the training.
      directory: where the model goes.
      is_softmax_dnn: whether a softmax DNN is trained with these options, else two towers.
    """
    model_dir = directory / "model"
    training = training_config.training_config({**options, "seed": seed})
    build = _softmax_dnn_builder(data) if is_softmax_dnn else two_tower_builder.build_two_tower
    source = model_directory.training_source_sha256()
    origin = {"options": options, "seed": seed, "data": data.manifest_sha256, "source": source}
    kept_results.continue_or_discard(model_dir, directory / "training.json", origin)
    train.run(train.TrainJobConfig(str(data.paths.directory), str(model_dir), training), build)
    if not is_softmax_dnn:
        return _ask_best_of(model_dir, data)
    model = build(training.model, prepared_data.read_model_inputs(data.paths.directory), seed)
    model_directory.restore_towers(model, model_dir, model_directory.best_checkpoint_name(model_dir))
    return _ask_by(offline_evaluation.Embedder(model, feeding.Feeder.for_model(data, training.model)), data)


def _softmax_dnn_builder(data: prepared_data.PreparedData) -> train.BuildModel:
    def build(
        config: model_config.ModelConfig, inputs: model_config.ModelInputs, seed: int, *unused: object
    ) -> softmax_dnn.SoftmaxDnn:
        # Training sizes the frequency estimate, of which this model has none.
        options = dataclasses.replace(config, frequency_num_buckets=0)
        return softmax_dnn.build_softmax_dnn(options, inputs, seed, data.candidate_ids, data.training_counts())

    return build


def _ask_best_of(model_dir: pathlib.Path, data: prepared_data.PreparedData) -> Ask:
    checkpoint_name = model_directory.best_checkpoint_name(model_dir)
    return _ask_by(offline_evaluation.Embedder.of_directory(model_dir, checkpoint_name, data), data)


def _ask_by(embedder: offline_evaluation.Embedder, data: prepared_data.PreparedData) -> Ask:
    def ask(questions: offline_evaluation.Questions, on_block: offline_evaluation.OnBlock = None) -> ranking.Ranking:
        return questions.rank(*encoding.encode(embedder, data, questions.examples), on_block)

    return ask
