"""What a training run is refused for, before anything is written."""

import os

import numpy as np

from pipelines import job, prepared_data, training_config
from pipelines.examples import Examples
from tfrs_model import two_tower_builder


def require_readable(
    prepared_dir: str | os.PathLike[str],
    training: training_config.TrainingConfig,
    examples: Examples,
    is_afresh: bool,
) -> None:
    """Refuses what the data lacks for the options, before anything is written.

    Args:
      prepared_dir: of the data.
      training: the options.
      examples: what is trained on.
      is_afresh: whether no earlier run's vocabularies are read.

    Raises:
      ConfigError: if weights are no labels, but are to be.
      ValueError: if a query has nothing that a tower could read.
    """
    if training.model.negatives == "labels":
        require_labels(examples.weights)
    if is_afresh:
        two_tower_builder.require_query_inputs(training.model, prepared_data.read_model_inputs(prepared_dir))


def require_rate_to_the_end(training: training_config.TrainingConfig, num_steps: int) -> None:
    """Refuses a schedule that ends before the last step.

    Args:
      training: the options.
      num_steps: of the whole run, with those of the run that it goes on from.

    Raises:
      ConfigError: if the rate would be 0 before.
    """
    decay_steps = training.optimization.decay_steps
    if training.optimization.schedule == "cosine" and decay_steps < num_steps:
        raise job.ConfigError(
            f"With --schedule=cosine the learning rate is 0 from step --decay_steps={decay_steps} on, but "
            f"{training.num_epochs} epochs make {num_steps} steps, those of the run that is gone on from included; "
            "raise it, lower --num_epochs (--epochs_per_day of a daily run), or give --schedule=constant, which has no "
            "end."
        )


def require_labels(weights: np.ndarray) -> None:
    """Refuses weights that are no labels, before anything is trained on them."""
    low, high = float(weights.min()), float(weights.max())
    if low < 0.0 or high > 1.0 or low == high:
        raise job.ConfigError(
            "--negatives=labels reads the weights as labels in [0, 1] that differ, but they are from "
            f"{low:g} to {high:g}; name a column of labels with prepare_data's --weight_column, or choose other "
            "negatives."
        )
