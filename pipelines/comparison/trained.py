"""Models of the training job as systems: a configuration, a directory that was trained before, the softmax DNN."""

import pathlib
from collections.abc import Mapping
from typing import Any

from absl import logging

from pipelines import (
    artifacts,
    feeding,
    kept_results,
    model_directory,
    offline_evaluation,
    prepared_data,
    train,
    training_config,
)
from pipelines.comparison.questions import Ask
from tfrs_model import model_config, ranking, two_tower, two_tower_builder
from tfrs_model.baselines import softmax_dnn


def ask_directory(data: prepared_data.PreparedData, model_dir: pathlib.Path) -> Ask:
    """Returns what ranks by the best towers of a directory that `train` wrote.

    Raises:
      ModelDirectoryError: if it holds no finished epoch, or was trained with another schema.
    """
    model_directory.require_schema(model_dir, data)
    description = model_directory.read_description(model_dir)
    if description.prepared_data_sha256 != data.manifest_sha256:
        logging.warning(
            "%s was trained on other data than %s: it may have been fitted on what is asked here",
            model_dir,
            data.paths.directory,
        )
    model = model_directory.restore_model(model_dir, model_directory.best_checkpoint_name(model_dir))
    return _ask_model(model, data, description.config)


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
      options: training options, named like their flags.
      seed: of the training, before one among the options.
      directory: where the model goes.
      is_softmax_dnn: whether a softmax DNN is trained with these options, else two towers.
    """
    begun, model_dir = directory / "training.json", directory / "model"
    training = training_config.training_config({**options, "seed": seed})
    build = _softmax_dnn_builder(data) if is_softmax_dnn else two_tower_builder.build_two_tower
    origin = kept_results.as_json({"options": options, "seed": seed, "data": data.manifest_sha256, **sources_of()})
    is_same = begun.exists() and artifacts.read_json(begun) == origin
    directory.mkdir(parents=True, exist_ok=True)
    artifacts.write_json(begun, origin)
    train.run(train.TrainJobConfig(str(data.paths.directory), str(model_dir), training, resume=is_same), build)
    name = model_directory.best_checkpoint_name(model_dir)
    if not is_softmax_dnn:
        return _ask_model(model_directory.restore_model(model_dir, name), data, training.model)
    inputs = prepared_data.read_model_inputs(data.paths.directory)
    model = build(training.model, inputs, seed)
    model_directory.restore_towers(model, model_dir, name)
    return _ask_model(model, data, training.model)


def sources_of() -> dict[str, str]:
    """Returns the digest of the code that shapes what a trained model answers."""
    return {"source": model_directory.training_source_sha256()}


def _softmax_dnn_builder(data: prepared_data.PreparedData) -> train.BuildModel:
    def build(
        config: model_config.ModelConfig, inputs: model_config.ModelInputs, seed: int, *unused: object
    ) -> softmax_dnn.SoftmaxDnn:
        return softmax_dnn.build_softmax_dnn(config, inputs, seed, data.candidate_ids, data.training_counts())

    return build


def _ask_model(
    model: two_tower.TwoTowerModel, data: prepared_data.PreparedData, config: model_config.ModelConfig
) -> Ask:
    embedder = offline_evaluation.Embedder(model, feeding.Feeder.for_model(data, config))

    def ask(questions: offline_evaluation.Questions, on_block: offline_evaluation.OnBlock = None) -> ranking.Ranking:
        return questions.rank(embedder.queries(questions.examples), embedder.corpus(), on_block)

    return ask
