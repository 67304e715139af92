"""What a training run carries from epoch to epoch, kept so that a killed run continues as if undisturbed."""

import json
import math
import os
import time
from collections.abc import Callable

import tensorflow as tf

from pipelines import artifacts, model_directory, warm_start
from tfrs_model import two_tower


class TrainingDivergedError(ValueError):
    """The loss is no number any more; the message says what to change."""


class TrainingState:
    """Model, optimizer, history and the run's stamp, saved together in one checkpoint.

    Args:
      model: compiled; its optimizer's slots are made here.
      model_dir: where the checkpoints are.
      stamp: tells this run from others; a checkpoint with another one is refused.
    """

    def __init__(self, model: two_tower.TwoTowerModel, model_dir: str | os.PathLike[str], stamp: str):
        self._model = model
        self._paths = model_directory.ModelPaths(model_dir)
        self._history = tf.Variable("[]", dtype=tf.string, trainable=False)
        self._stamp = tf.Variable(stamp, dtype=tf.string, trainable=False)
        model_directory.build_towers(model)
        model.optimizer.build(model.trainable_variables)
        self._root = tf.train.Checkpoint(
            model=model, optimizer=model.optimizer, history=self._history, stamp=self._stamp
        )
        self._checkpoints = tf.train.CheckpointManager(self._root, self._paths.checkpoints, max_to_keep=2)
        best = model_directory.towers_checkpoint(model)
        self._best = tf.train.CheckpointManager(best, self._paths.best, max_to_keep=1)

    @property
    def history(self) -> list[dict]:
        """One JSON object per finished epoch, oldest first."""
        return json.loads(self._history.numpy())

    @property
    def num_epochs_done(self) -> int:
        """Finished epochs, of all runs together."""
        return len(self.history)

    def restore(self) -> bool:
        """Continues from the newest checkpoint; returns whether there is one.

        Raises:
          ModelDirectoryError: if it is of another run or damaged, or its best towers are gone.
        """
        newest = self._checkpoints.latest_checkpoint
        if newest is None:
            return False
        if model_directory.read_stamp(newest) != self._stamp.numpy():
            raise model_directory.ModelDirectoryError(
                f"{newest} is of another run than {self._paths.description}; discard both with --noresume."
            )
        with model_directory.readable(newest):
            self._checkpoints.checkpoint.restore(newest).assert_consumed()
        if self.history and self._best.latest_checkpoint is None:
            raise model_directory.ModelDirectoryError(
                f"{self._paths.best} has lost the best towers of this run; discard the run with --noresume."
            )
        artifacts.write_json(self._paths.history, self.history)
        return True

    def start_from(self, start: warm_start.WarmStart) -> None:
        """Takes over what another run has learned, and saves it as checkpoint 0, from which alone the run goes on.

        Raises:
          ModelDirectoryError, CarryOverError: if it cannot be taken over.
        """
        start.carry_over(self._model, self._root)
        self._checkpoints.save(checkpoint_number=0)

    def finish_epoch(self, record: dict, is_best: bool) -> None:
        """Adds an epoch's record and saves everything; the best towers first, so none is ever promised and missing."""
        if is_best:
            self._best.save(checkpoint_number=self.num_epochs_done + 1)
        history = [*self.history, record]
        self._history.assign(json.dumps(history))
        self._checkpoints.save(checkpoint_number=len(history))
        artifacts.write_json(self._paths.history, history)


class EpochEnd(tf.keras.callbacks.Callback):
    """Validates, keeps the best towers, saves the state and stops early.

    Args:
      state: the run's state.
      validate: returns the validation metrics, or `None` without a validation split.
      metric: name of the metric that is watched.
      is_over: whether no epoch is to follow, asked with the records of all epochs after each one is saved.
      batch_size: positives of a step, for the speed that is logged.
      input_seconds: what the input pipeline alone takes for a batch. It is logged as a share of a step,
        `input_load`: from 1 on, training waits for its input.
      show: called with the numbers of each epoch, for the progress bar.
    """

    def __init__(
        self,
        state: TrainingState,
        validate: Callable[[], dict[str, float]] | None,
        metric: str,
        is_over: Callable[[list[dict]], bool],
        batch_size: int,
        input_seconds: float,
        show: Callable[[dict[str, float]], None],
    ):
        super().__init__()
        self._state = state
        self._validate = validate
        self._metric = metric
        self._is_over = is_over
        self._batch_size = batch_size
        self._input_seconds = input_seconds
        self._show = show
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock of an epoch."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Runs once per epoch, before the curves are written; Keras' own `loss` is that of the last step alone."""
        logs["loss"] = float(logs.pop(two_tower.MEAN_LOSS))
        if not math.isfinite(logs["loss"]):
            raise TrainingDivergedError(
                f"The loss of epoch {epoch + 1} is {logs['loss']}; nothing of this epoch is kept. Lower "
                "--learning_rate, raise --temperature, or look for extreme weights and features in the data."
            )
        seconds = time.monotonic() - self._started
        record = {"epoch": epoch + 1, "loss": logs["loss"], "seconds": seconds}
        logs["examples_per_second"] = self._batch_size * self.params["steps"] / seconds
        logs["input_load"] = self._input_seconds * self.params["steps"] / seconds
        record["validation"] = self._validate() if self._validate else None
        history = [*self._state.history, record]
        self._state.finish_epoch(record, is_best=best_epoch(history, self._metric) == len(history))
        watched = {self._metric: record["validation"][self._metric]} if self._validate else {}
        self._show({"epoch": epoch + 1, "loss": record["loss"], **watched})
        logs.update({f"validation_{name}": value for name, value in (record["validation"] or {}).items()})
        self.model.stop_training = self._is_over(history)


def best_epoch(history: list[dict], metric: str) -> int:
    """Returns the number, from 1, of the first epoch with the highest metric, or of the last without validation."""
    if history[0]["validation"] is None:
        return len(history)
    values = [record["validation"][metric] for record in history]
    return 1 + values.index(max(values))


def should_stop(history: list[dict], metric: str, patience: int) -> bool:
    """Returns whether the last `patience` epochs all failed to beat the best before them."""
    if patience == 0 or not history or history[0]["validation"] is None:
        return False
    return len(history) - best_epoch(history, metric) >= patience


def is_finished(history: list[dict], num_epochs: int, metric: str, patience: int) -> bool:
    """Returns whether a run has made its last epoch or stopped early."""
    return len(history) >= num_epochs or should_stop(history, metric, patience)
