"""Loss, validation metrics and the rest of what an epoch logs, as curves in TensorBoard."""

import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

_RUN = "train"
_LOSS = "epoch_loss"


class TrainingCurves(tf.keras.callbacks.Callback):
    """Writes the scalars `epoch_...` once an epoch; the first epoch is step 0.

    Each point is in the file before the next epoch begins, and what a killed run had not written is written by the one
    that continues it, from the records that the checkpoint holds. So a curve has each epoch once, however often the
    run was resumed.

    Args:
      records: returns one object per finished epoch, with `epoch` from 1, `loss`, `seconds` and `validation`.
      directory: TensorBoard's; the curves are the run `train` in it.
    """

    def __init__(self, records: Callable[[], Sequence[dict]], directory: str | os.PathLike[str]):
        super().__init__()
        self._records = records
        self._directory = pathlib.Path(directory) / _RUN
        self._writer: tf.summary.SummaryWriter | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens a new event file, and writes the epochs that those before it lack."""
        written = set(_steps(self._directory))
        self._writer = tf.summary.create_file_writer(str(self._directory))
        for record in self._records():
            if record["epoch"] - 1 not in written:
                validation = record["validation"] or {}
                values = {"loss": record["loss"], **{f"validation_{name}": validation[name] for name in validation}}
                self._write(record["epoch"] - 1, values)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes an epoch that has its checkpoint."""
        self._write(epoch, logs or {})

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the event file."""
        self._writer.close()

    def _write(self, step: int, values: dict[str, float]) -> None:
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(f"epoch_{name}", value, step=step)
        self._writer.flush()


def discard(directory: str | os.PathLike[str]) -> None:
    """Removes the curves of a run, and nothing else that may lie in TensorBoard's directory."""
    for path in pathlib.Path(directory).glob("*/*tfevents*"):
        if path.parent.name in (_RUN, "frequency"):
            path.unlink()


def _steps(directory: pathlib.Path) -> Iterator[int]:
    """Yields the steps that have a loss; the end of a file that a kill cut short is passed over."""
    for path in sorted(directory.glob("*tfevents*")):
        try:
            for event in tf.compat.v1.train.summary_iterator(str(path)):
                if any(value.tag == _LOSS for value in event.summary.value):
                    yield event.step
        except tf.errors.DataLossError:
            continue
