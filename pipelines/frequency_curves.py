"""The health of the frequency estimate as curves in TensorBoard."""

import os
import pathlib

import tensorflow as tf

from tfrs_model import frequency


class FrequencyCurves(tf.keras.callbacks.Callback):
    """Writes the scalars `frequency/...` once an epoch, against the exact counts of that epoch.

    Args:
      health: of the estimate that is trained.
      directory: TensorBoard's; the curves are the run `frequency` in it.
    """

    def __init__(self, health: frequency.FrequencyHealth, directory: str | os.PathLike[str]):
        super().__init__()
        self._health = health
        self._directory = str(pathlib.Path(directory) / "frequency")
        self._writer: tf.summary.SummaryWriter | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens a new event file."""
        self._writer = tf.summary.create_file_writer(self._directory)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the exact counts of an epoch."""
        self._health.restart()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measures and writes; the counts stay for the checkpoint."""
        with self._writer.as_default():
            for name, value in self._health.measure().items():
                tf.summary.scalar(f"frequency/{name}", value, step=epoch)
        self._writer.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the event file."""
        self._writer.close()
