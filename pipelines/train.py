"""Trains the two towers on prepared data.

    python -m pipelines.train --prepared_dir=prepared --model_dir=model --config=movielens_100k

An interrupted run continues from its last finished epoch when started again with
the same command, and ends with the weights it would have had undisturbed. With
--warm_start_dir a run goes on from another one's model, with the next day's data.
"""

import dataclasses
import functools
import os
import time
from collections.abc import Callable

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
    run_directory,
    training_curves,
    training_flags,
    training_refusals,
    training_state,
    training_stream,
    warm_start_flags,
)
from pipelines import training_config as training_config_lib
from pipelines import warm_start as warm_start_lib
from pipelines.examples import Examples
from tfrs_model import negatives, optimizers, two_tower, two_tower_builder

BuildModel = Callable[..., two_tower.TwoTowerModel]

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
flags.declare_key_flag("ask_per")
flags.adopt_module_key_flags(training_flags)
flags.adopt_module_key_flags(warm_start_flags)
_RESUME = flags.DEFINE_bool(
    "resume", True, "Whether to continue from the newest checkpoint in model_dir; --noresume discards it."
)
_TENSORBOARD_DIR = flags.DEFINE_string(
    "tensorboard_dir",
    None,
    "Where the curves of loss and validation metrics go; tensorboard/ in model_dir if not given.",
)


@dataclasses.dataclass(frozen=True)
class TrainJobConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: directory that `prepare_data` published.
      model_dir: where the model goes.
      training: the options of the run.
      resume: whether a checkpoint in `model_dir` is continued rather than discarded.
      warm_start: the run to go on from; `None` to start afresh.
      tensorboard_dir: where the curves go; empty for `tensorboard/` in `model_dir`.
    """

    prepared_dir: str
    model_dir: str
    training: training_config_lib.TrainingConfig
    resume: bool = True
    warm_start: warm_start_lib.WarmStartConfig | None = None
    tensorboard_dir: str = ""

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if self.warm_start and os.path.realpath(self.warm_start.model_dir) == os.path.realpath(self.model_dir):
            raise job.ConfigError(
                f"--warm_start_dir and --model_dir must be two directories, but both are {self.model_dir}; give the "
                "model of each day its own."
            )

    @property
    def curves_dir(self) -> str | os.PathLike[str]:
        """Directory of the TensorBoard runs `train` and `frequency`."""
        return self.tensorboard_dir or model_directory.ModelPaths(self.model_dir).tensorboard


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What came out.

    Attributes:
      history: one record per epoch: loss and validation metrics.
      best_epoch: number of the epoch whose towers are kept, from 1.
      seconds: wall clock of this run.
      num_steps: steps that this run made; 0 if there was nothing left to do.
      vocabularies: by table, how many values are `known`, and of these `new`, and how many `expired`, are `waiting`
        for a row of their own or were `forgotten` while they waited.
    """

    history: list[dict]
    best_epoch: int
    seconds: float
    num_steps: int
    vocabularies: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)


def config_from_flags() -> TrainJobConfig:
    """Returns the configuration: defaults, then the `--config` file, then the flags that were given."""
    training = training_config_lib.training_config(training_flags.options_from_file_and_flags())
    return TrainJobConfig(
        common_flags.PREPARED_DIR.value,
        common_flags.MODEL_DIR.value,
        training,
        _RESUME.value,
        warm_start_flags.config_from_flags(),
        _TENSORBOARD_DIR.value or "",
    )


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
      WarmStartError: if there is nothing newer than what the run to go on from has learned, or its options differ.
    """
    started = time.monotonic()
    training = config.training
    tf.config.experimental.enable_op_determinism()
    with job.stage("Reading prepared data") as counts:
        data = prepared_data.read_prepared_data(config.prepared_dir)
        examples = data.examples("train")
        feeder = feeding.Feeder.for_model(data, training.model)
        counts.update(interactions=len(examples), candidates=data.corpus.num_rows, queries=data.queries.num_rows)
        start = warm_start_lib.WarmStart(config.warm_start, training, data) if config.warm_start else None
        newer, trained = examples, examples
        if start:
            newer, trained = start.newer(examples), start.with_replay(examples)
            counts.update(newer=len(newer), replayed=len(trained) - len(newer))
    stream = training_stream.open_stream(feeder, trained, training)
    num_steps_before = start.num_steps if start else 0
    training_refusals.require_rate_to_the_end(training, num_steps_before + training.num_epochs * stream.steps_per_epoch)
    training_refusals.require_readable(config.prepared_dir, training, trained, is_afresh=start is None)
    stamp, learned = _open_run(config, data, newer, start)
    model = _build_model(config, build_model, data, feeder, learned["frequency_num_buckets"])
    state = training_state.TrainingState(model, config.model_dir, stamp)
    if not state.restore() and start:
        with job.stage(f"Going on from {config.warm_start.model_dir}") as counts:
            state.start_from(start)
            counts.update(steps=num_steps_before)
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
    num_steps = state.num_epochs_done * stream.steps_per_epoch - first_step
    best_epoch = training_state.best_epoch(state.history, training.early_stop_metric)
    logging.info("The best towers are those of epoch %d: %s", best_epoch, state.history[best_epoch - 1]["validation"])
    return TrainResult(state.history, best_epoch, time.monotonic() - started, num_steps, learned["vocabularies"])


def _open_run(
    config: TrainJobConfig,
    data: prepared_data.PreparedData,
    examples: Examples,
    start: warm_start_lib.WarmStart | None,
) -> tuple[str, dict]:
    """Opens the run's directory, and discards the curves of a run that is discarded; see `run_directory.open_run`."""
    if not config.resume:
        training_curves.discard(config.curves_dir)
    return run_directory.open_run(config.model_dir, config.training, data, examples, start, config.resume)


def _build_model(
    config: TrainJobConfig,
    build_model: BuildModel,
    data: prepared_data.PreparedData,
    feeder: feeding.Feeder,
    frequency_num_buckets: int,
) -> two_tower.TwoTowerModel:
    """Returns the compiled model that the run's description describes, its frequency estimate sized."""
    training = config.training
    model = build_model(
        dataclasses.replace(training.model, frequency_num_buckets=frequency_num_buckets),
        prepared_data.read_model_inputs(model_directory.ModelPaths(config.model_dir).description),
        training.seed,
        negatives.Corpus(data.candidate_ids, feeder.candidate_inputs),
        machine.available_memory_bytes(),
    )
    model.compile(
        optimizer=optimizers.build_optimizer(training.optimization), steps_per_execution=training.steps_per_execution
    )
    return model


def _is_over(
    training: training_config_lib.TrainingConfig, is_hopeless: Callable[[list[dict]], bool], history: list[dict]
) -> bool:
    """Returns whether no epoch is to follow; one that gives runs up is told of every epoch, the last one too."""
    return is_hopeless(history) or training_state.is_finished(
        history, training.num_epochs, training.early_stop_metric, training.early_stop_patience
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
    total = training.num_epochs * steps_per_epoch
    # Of the run that this one goes on from.
    steps_before = int(model.optimizer.iterations) - state.num_epochs_done * steps_per_epoch
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
                    on_train_batch_end=lambda batch, logs: bar.update(
                        int(model.optimizer.iterations) - steps_before - bar.n
                    )
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
                training_curves.TrainingCurves(lambda: state.history, config.curves_dir),
                *_frequency_curves(model, config.curves_dir),
            ],
        )


def _frequency_curves(model, curves_dir: str | os.PathLike[str]) -> list[tf.keras.callbacks.Callback]:
    estimate = model.task.streaming_frequency
    if estimate is None or estimate.health is None:
        return []
    return [frequency_curves.FrequencyCurves(estimate.health, curves_dir)]


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required([common_flags.PREPARED_DIR.name, common_flags.MODEL_DIR.name])
    app.run(main)


if __name__ == "__main__":
    console_main()
