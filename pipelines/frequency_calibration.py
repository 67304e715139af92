"""Holds the frequency estimate that a training run ended with against how often candidates came in its stream."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from pipelines import model_directory, prepared_data
from tfrs_model import frequency
from tfrs_model.frequency import calibration

_IDS_PER_BLOCK = 1 << 16


def measure(model_dir: str | os.PathLike[str], data: prepared_data.PreparedData) -> dict | None:
    """Returns the calibration of the estimate as a JSON object, `None` where none was trained or none is left.

    Every epoch of the stream is a permutation of the training interactions, so that what is observed is the share of
    each candidate in them. Of a model that was trained on other data the stream is not known, which gives `None` too.

    Args:
      model_dir: directory that `pipelines.train` wrote.
      data: whose training interactions were its stream.

    Raises:
      ModelDirectoryError: if the checkpoint is damaged.
    """
    if not model_directory.was_trained_on(model_dir, data) or (estimate := restore(model_dir)) is None:
        return None
    ids = data.candidate_ids
    blocks = [ids[begin : begin + _IDS_PER_BLOCK].astype(str) for begin in range(0, len(ids), _IDS_PER_BLOCK)]
    estimated = np.concatenate([estimate.sampling_probability(tf.constant(block)).numpy() for block in blocks])
    return _as_json(calibration.calibrate(estimated, data.training_counts()))


def restore(model_dir: str | os.PathLike[str]) -> frequency.StreamingFrequency | None:
    """Returns the frequency estimate as the last epoch left it, `None` where there is none.

    Raises:
      ModelDirectoryError: if the checkpoint is damaged.
    """
    newest = tf.train.latest_checkpoint(model_directory.ModelPaths(model_dir).checkpoints)
    model = model_directory.build_model(model_dir)
    if newest is None or model.task.streaming_frequency is None:
        return None
    with model_directory.readable(newest):
        tf.train.Checkpoint(model=model).restore(newest).assert_existing_objects_matched().expect_partial()
    return model.task.streaming_frequency


def _as_json(found: calibration.Calibration) -> dict:
    """JSON has no NaN."""
    figures = dataclasses.asdict(found)
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in figures.items()
    }
