"""The endless stream of batches that a run is trained on, and how many of them are an epoch."""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from pipelines import feeding, history_windows, job, prepared_data, training_config


@dataclasses.dataclass(frozen=True)
class TrainingStream:
    """What a run reads.

    Attributes:
      steps_per_epoch: batches in which every interaction comes about once.
      batches: returns batches number `first_step` to `last_step - 1`, counted from the start of training.
    """

    steps_per_epoch: int
    batches: Callable[[int, int], tf.data.Dataset]


def open_stream(
    feeder: feeding.Feeder, examples: prepared_data.Examples, training: training_config.TrainingConfig
) -> TrainingStream:
    """Returns the stream over these examples, interaction by interaction or window by window as the options say.

    Raises:
      ConfigError: if positions are to be trained by what is before them, or gaps to be read, but nothing has a moment.
    """
    if examples.own_position is not None and training.model.reads_history_timestamps:
        raise job.ConfigError(
            "--history_time_gaps and --reads_moment read the time of interactions, but the log has none; name its "
            "column in the schema, or leave them out."
        )
    if not training.every_position:
        return TrainingStream(
            math.ceil(len(examples) / training.batch_size),
            lambda first, last: feeder.training_batches(examples, training.batch_size, training.seed, first, last),
        )
    if examples.own_position is not None:
        raise job.ConfigError(
            "--every_position trains each position by what is before it, but the log has no time; name its column in "
            "the schema, or train interaction by interaction."
        )
    windows = history_windows.cut_windows(examples, training.model.history_length)
    per_batch = windows.windows_per_batch(training.batch_size)
    return TrainingStream(
        math.ceil(len(windows) / per_batch),
        lambda first, last: feeder.window_batches(examples, windows, per_batch, training.seed, first, last),
    )
