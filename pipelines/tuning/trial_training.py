"""Trains the model of one trial, and gives it up where others were better by then."""

import dataclasses
import pathlib
import shutil
import time
from collections.abc import Mapping
from typing import Any

import optuna
import tensorflow as tf

from pipelines import job, model_directory, publishing, train, training_config, training_state
from pipelines.tuning.paths import TuningPaths
from tfrs_model import model_config, optimizers

# What a configuration that was drawn can be refused by; anything else ends the search.
_REFUSALS = (job.ConfigError, model_config.ModelConfigError, optimizers.OptimizerConfigError)


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Attributes:
      outcome: `finished`, `pruned`, `diverged`, `refused` or `killed`.
      metric: the highest of all epochs, or `None` unless it was finished.
      about: epochs and seconds, or the reason why it could not be trained.
    """

    outcome: str
    metric: float | None
    about: dict[str, Any]


class TrialTraining:
    """Trains trials, each in a model directory named after its options.

    Args:
      prepared_dir: directory that `prepare_data` published.
      paths: of the search.
      options: training options that every trial starts from.
      deadline: of `time.monotonic`; the epoch that is being trained then is finished.
    """

    def __init__(self, prepared_dir: str, paths: TuningPaths, options: Mapping[str, Any], deadline: float):
        self._prepared_dir, self._paths, self._options, self._deadline = prepared_dir, paths, options, deadline

    def run(self, trial: optuna.Trial, drawn: Mapping[str, Any]) -> Ended | None:
        """Trains with the options drawn above the others, from the last checkpoint if there is one.

        Returns:
          How the trial ended, or `None` if time was up before it did.
        """
        # The graphs of the trials before are of no use any more.
        tf.keras.backend.clear_session()
        try:
            training = training_config.training_config({**self._options, **drawn})
            watch = _Watch(trial, training, self._deadline)
            model_dir = self._paths.model(drawn)
            model_dir.parent.mkdir(exist_ok=True)
            trained = train.run(train.TrainJobConfig(self._prepared_dir, str(model_dir), training), is_hopeless=watch)
        except training_state.TrainingDivergedError as error:
            return Ended("diverged", None, {"reason": str(error)})
        except _REFUSALS as error:
            return Ended("refused", None, {"reason": str(error)})
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            return Ended("killed", None, {"reason": f"Memory did not suffice ({type(error).__name__})."})
        if watch.is_out_of_time:
            return None
        metric = trained.history[trained.best_epoch - 1]["validation"][training.early_stop_metric]
        seconds = round(sum(record["seconds"] for record in trained.history), 1)
        about = {"best_epoch": trained.best_epoch, "num_epochs": len(trained.history), "seconds": seconds}
        return Ended("pruned", None, about) if watch.is_pruned else Ended("finished", metric, about)

    def drop_all_checkpoints_but(self, drawn: Mapping[str, Any] | None) -> None:
        """Frees the disk of every model but one, or of all; what a person reads of them stays."""
        kept = drawn and self._paths.model(drawn)
        for directory in sorted(self._paths.models.iterdir()) if self._paths.models.exists() else ():
            if directory != kept:
                _drop_checkpoints(directory)


class _Watch:
    """Reports each epoch of a trial once, and says whether to go on.

    Args:
      trial: whose epochs these are.
      training: when it is finished by itself.
      deadline: of `time.monotonic`.
    """

    def __init__(self, trial: optuna.Trial, training: training_config.TrainingConfig, deadline: float):
        self._trial, self._training, self._deadline = trial, training, deadline
        self._num_reported = 0
        self.is_pruned = False
        self.is_out_of_time = False

    def __call__(self, history: list[dict]) -> bool:
        metric = self._training.early_stop_metric
        for record in history[self._num_reported :]:
            self._trial.report(record["validation"][metric], record["epoch"])
        self._num_reported = len(history)
        if training_state.is_finished(history, self._training.num_epochs, metric, self._training.early_stop_patience):
            return False
        self.is_pruned = self._trial.should_prune()
        self.is_out_of_time = not self.is_pruned and time.monotonic() >= self._deadline
        return self.is_pruned or self.is_out_of_time


def _drop_checkpoints(model_dir: pathlib.Path) -> None:
    """Removes a model's checkpoints, each folder at once, so that none is found half; if it comes again it is anew."""
    paths = model_directory.ModelPaths(model_dir)
    for folder in (paths.checkpoints, paths.best):
        if folder.exists():
            publishing.remove_directory(folder)
    for leftover in model_dir.glob(".*.tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)
