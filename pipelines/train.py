"""Trains the two towers on prepared data.

    python -m pipelines.train --prepared_dir=prepared --model_dir=model --config=movielens_100k

An interrupted run continues from its last finished epoch when started again with
the same command, and ends with the weights it would have had undisturbed.
"""

import dataclasses
import functools
import shutil
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from pipelines import (
    common_flags,
    feeding,
    frequency_curves,
    job,
    machine,
    model_directory,
    offline_evaluation,
    prepared_data,
    progress,
    training_flags,
    training_state,
    training_stream,
)
from pipelines import training_config as training_config_lib
from tfrs_model import negatives, optimizers, two_tower, two_tower_builder

BuildModel = Callable[..., two_tower.TwoTowerModel]

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
flags.declare_key_flag("ask_per")
flags.adopt_module_key_flags(training_flags)
_RESUME = flags.DEFINE_bool(
    "resume", True, "Whether to continue from the newest checkpoint in model_dir; --noresume discards it."
)


@dataclasses.dataclass(frozen=True)
class TrainJobConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: directory that `prepare_data` published.
      model_dir: where the model goes.
      training: the options of the run.
      resume: whether a checkpoint in `model_dir` is continued rather than discarded.
    """

    prepared_dir: str
    model_dir: str
    training: training_config_lib.TrainingConfig
    resume: bool = True

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What came out.

    Attributes:
      history: one record per epoch: loss and validation metrics.
      best_epoch: number of the epoch whose towers are kept, from 1.
      seconds: wall clock of this run.
      num_steps: steps that this run made; 0 if there was nothing left to do.
    """

    history: list[dict]
    best_epoch: int
    seconds: float
    num_steps: int


def config_from_flags() -> TrainJobConfig:
    """Returns the configuration: defaults, then the `--config` file, then the flags that were given."""
    training = training_config_lib.training_config(training_flags.options_from_file_and_flags())
    return TrainJobConfig(common_flags.PREPARED_DIR.value, common_flags.MODEL_DIR.value, training, _RESUME.value)


def run(
    config: TrainJobConfig,
    build_model: BuildModel = two_tower_builder.build_two_tower,
    is_hopeless: Callable[[list[dict]], bool] = lambda history: False,
) -> TrainResult:
    """Trains until the last epoch, the early stop, or the epoch after which the run is given up.

    Args:
      config: what is read and written, and how it is trained.
      build_model: makes what is trained from the model's options, what is known of the data, the seed, the corpus
        and the bytes that may be taken. The description does not name it, so another model than the default needs a
        directory of its own.
      is_hopeless: whether to give the run up, asked with the records of all epochs: those that a resumed run finds,
        and after each epoch once its checkpoint is written. A run that was given up can be continued later.

    Raises:
      ArtifactError, PreparedDataError: if the prepared data cannot be read.
      ModelDirectoryError: if `model_dir` holds a run with other options or other data.
    """
    started = time.monotonic()
    training = config.training
    tf.config.experimental.enable_op_determinism()
    with job.stage("Reading prepared data") as counts:
        data = prepared_data.read_prepared_data(config.prepared_dir)
        examples = data.examples("train")
        feeder = feeding.Feeder.for_model(data, training.model)
        counts.update(interactions=len(examples), candidates=data.corpus.num_rows, queries=data.queries.num_rows)
    stream = training_stream.open_stream(feeder, examples, training)
    _require_rate_to_the_end(training, training.num_epochs * stream.steps_per_epoch)
    inputs = prepared_data.read_model_inputs(config.prepared_dir)
    if training.model.negatives == "labels":
        _require_labels(examples.weights)
    corpus = negatives.Corpus(data.candidate_ids, feeder.candidate_inputs)
    model = build_model(training.model, inputs, training.seed, corpus, machine.available_memory_bytes())
    model.compile(
        optimizer=optimizers.build_optimizer(training.optimization), steps_per_execution=training.steps_per_execution
    )
    state = training_state.TrainingState(model, config.model_dir, _open_model_dir(config, data))
    state.restore()
    is_over = functools.partial(_is_over, training, is_hopeless)
    first_step = state.num_epochs_done * stream.steps_per_epoch
    last_step = training.num_epochs * stream.steps_per_epoch
    if not (state.history and is_over(state.history)):
        if first_step:
            logging.info("Resuming after epoch %d", state.num_epochs_done)
        with job.stage("Training") as counts:
            batches = stream.batches(first_step, last_step)
            validate = _validation(training, model, feeder, data)
            _fit(config, model, state, batches, stream.steps_per_epoch, validate, is_over)
            counts.update(epochs=state.num_epochs_done)
    history = state.history
    num_steps = state.num_epochs_done * stream.steps_per_epoch - first_step
    best_epoch = training_state.best_epoch(history, training.early_stop_metric)
    logging.info("The best towers are those of epoch %d: %s", best_epoch, history[best_epoch - 1]["validation"])
    return TrainResult(history, best_epoch, time.monotonic() - started, num_steps)


def _is_over(
    training: training_config_lib.TrainingConfig, is_hopeless: Callable[[list[dict]], bool], history: list[dict]
) -> bool:
    """Returns whether no epoch is to follow; one that gives runs up is told of every epoch, the last one too."""
    return is_hopeless(history) or training_state.is_finished(
        history, training.num_epochs, training.early_stop_metric, training.early_stop_patience
    )


def _require_labels(weights: np.ndarray) -> None:
    """Refuses weights that are no labels, before anything is trained on them."""
    low, high = float(weights.min()), float(weights.max())
    if low < 0.0 or high > 1.0 or low == high:
        raise job.ConfigError(
            "--negatives=labels reads the weights as labels in [0, 1] that differ, but they are from "
            f"{low:g} to {high:g}; name a column of labels with prepare_data's --weight_column, or choose other "
            "negatives."
        )


def _open_model_dir(config: TrainJobConfig, data: prepared_data.PreparedData) -> str:
    """Writes the description of a new run, or checks that the one there is of the same run; returns its stamp."""
    training = config.training
    description = model_directory.ModelDescription(
        training.model, training.seed, training.shaping_options(), data.manifest_sha256
    )
    paths = model_directory.ModelPaths(config.model_dir)
    if not config.resume:
        _discard(paths)
    if paths.description.exists():
        if model_directory.read_description(config.model_dir).stamp != description.stamp:
            raise model_directory.ModelDirectoryError(
                f"{config.model_dir} holds a run with other options, another seed, other data or of other code, which "
                "cannot be continued; choose another --model_dir, or discard that run with --noresume."
            )
        return description.stamp
    if paths.checkpoints.exists():
        raise model_directory.ModelDirectoryError(
            f"{config.model_dir} holds checkpoints of a run whose description is gone; discard them with --noresume."
        )
    paths.directory.mkdir(parents=True, exist_ok=True)
    model_directory.write_description(config.model_dir, description, data.paths)
    return description.stamp


def _discard(paths: model_directory.ModelPaths) -> None:
    """Removes what training wrote and nothing else that may lie in the directory."""
    for path in paths.of_training:
        if path.exists():
            logging.info("Discarding %s (--noresume)", path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _require_rate_to_the_end(training: training_config_lib.TrainingConfig, num_steps: int) -> None:
    decay_steps = training.optimization.decay_steps
    if training.optimization.schedule == "cosine" and decay_steps < num_steps:
        raise job.ConfigError(
            f"With --schedule=cosine the learning rate is 0 from step --decay_steps={decay_steps} on, but "
            f"--num_epochs={training.num_epochs} makes {num_steps} steps; raise the one or lower the other."
        )


def _validation(training, model, feeder: feeding.Feeder, data: prepared_data.PreparedData):
    """Returns a function that asks the validation split of the model as it is, or `None` without any."""
    if not data.has_split("validation"):
        logging.info("No validation interactions: every epoch is trained and the last towers are kept")
        return None
    questions = offline_evaluation.questions_of(data, "validation", training.ask_per)
    if not len(questions.examples):
        logging.warning("Every validation interaction repeats a training one: the last towers are kept")
        return None
    embedder = offline_evaluation.Embedder(model, feeder)
    return lambda: questions.accuracy(offline_evaluation.rank_model(embedder, questions))


def _fit(
    config: TrainJobConfig, model, state, batches: tf.data.Dataset, steps_per_epoch: int, validate, is_over
) -> None:
    training = config.training
    paths = model_directory.ModelPaths(config.model_dir)
    total = training.num_epochs * steps_per_epoch
    with progress.progress_bar(total, "Training", "step", state.num_epochs_done * steps_per_epoch) as bar:
        model.fit(
            batches,
            initial_epoch=state.num_epochs_done,
            epochs=training.num_epochs,
            steps_per_epoch=steps_per_epoch,
            verbose=0,
            callbacks=[
                # An execution is one call, however many steps it makes.
                tf.keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda batch, logs: bar.update(int(model.optimizer.iterations) - bar.n)
                ),
                training_state.EpochEnd(
                    state,
                    validate,
                    training.early_stop_metric,
                    is_over,
                    training.batch_size,
                    feeding.seconds_per_batch(batches),
                    bar.set_postfix,
                ),
                tf.keras.callbacks.TensorBoard(paths.tensorboard, write_graph=False),
                *_frequency_curves(model, paths),
            ],
        )


def _frequency_curves(model, paths: model_directory.ModelPaths) -> list[tf.keras.callbacks.Callback]:
    estimate = model.task.streaming_frequency
    if estimate is None or estimate.health is None:
        return []
    return [frequency_curves.FrequencyCurves(estimate.health, paths.tensorboard)]


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required([common_flags.PREPARED_DIR.name, common_flags.MODEL_DIR.name])
    app.run(main)


if __name__ == "__main__":
    console_main()
