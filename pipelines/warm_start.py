"""How a run goes on from another one's checkpoint, with another day's data and a grown vocabulary."""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from pipelines import checkpoint_values, job, learned_data, model_directory, prepared_data, training_config
from pipelines.examples import Examples
from tfrs_model import growth, two_tower, two_tower_builder

_ITERATIONS_KEY = "optimizer/_iterations/.ATTRIBUTES/VARIABLE_VALUE"
_MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000


class WarmStartError(ValueError):
    """A run cannot go on from another one; the message says what differs or is missing."""


class OtherOptionsError(WarmStartError):
    """The run to go on from has other options.

    Args:
      model_dir: of that run.
      difference: which option, and what it is and was.
    """

    def __init__(self, model_dir: str | os.PathLike[str], difference: str):
        super().__init__(
            f"A warm start needs the options of the model it goes on from, but {difference} in {model_dir}; give that, "
            "or train afresh."
        )
        self.difference = difference


@dataclasses.dataclass(frozen=True)
class WarmStartConfig:
    """From where a run goes on, and what becomes of the vocabularies.

    Attributes:
      model_dir: that of the other run, which is only read.
      policy: when values get a row and lose it.
      new_rows: what the rows of new values start from, one of `growth.NEW_ROWS`.
      replay_days: days up to the newest interaction that was learned whose interactions are trained on again, >= 0.
    """

    model_dir: str
    policy: growth.VocabularyPolicy = dataclasses.field(default_factory=growth.VocabularyPolicy)
    new_rows: str = "initial"
    replay_days: int = 0

    def __post_init__(self) -> None:
        if self.replay_days < 0:
            raise job.ConfigError(f"--replay_days must be >= 0, but is {self.replay_days}.")
        if self.new_rows not in growth.NEW_ROWS:
            raise job.ConfigError(f"--new_rows must be one of {', '.join(growth.NEW_ROWS)}, but is {self.new_rows!r}.")


class WarmStart:
    """The newest checkpoint of another run, and all that is needed to go on from it.

    Args:
      config: from where, and how vocabularies grow.
      training: the options of the run that goes on.
      data: what it is trained on.

    Raises:
      ModelDirectoryError: if there is no such run, or it has not finished an epoch.
      LearnedDataError: if it was trained by an earlier version.
      OtherSchemaError: if it was trained with another schema.
      OtherOptionsError: if model options, optimizer or seed differ.
      WarmStartError: if the log has no time.
    """

    def __init__(
        self,
        config: WarmStartConfig,
        training: training_config.TrainingConfig,
        data: prepared_data.PreparedData,
    ):
        self._config = config
        self._training = training
        self._paths = model_directory.ModelPaths(config.model_dir)
        self._description = model_directory.read_description(config.model_dir)
        require_same_model(config.model_dir, training, data)
        self._checkpoint = _newest_checkpoint(self._paths, self._description)
        self._before = learned_data.LearnedData.read(self._paths.description)
        if self._before.until_microseconds is None:
            raise WarmStartError(
                "A warm start trains on what is newer than what the other model has learned, but the log has no time; "
                "name its column in the schema, or train afresh."
            )

    @property
    def identity(self) -> dict:
        """Tells this start from others, as JSON: it is part of the stamp of the run that goes on."""
        return {
            "stamp": self._description.stamp,
            "checkpoint": pathlib.Path(self._checkpoint).name,
            "new_rows": self._config.new_rows,
            "replay_days": self._config.replay_days,
            **dataclasses.asdict(self._config.policy),
        }

    @property
    def num_steps(self) -> int:
        """Steps that the optimizer has made; schedules go on from there."""
        with model_directory.readable(self._checkpoint):
            return int(tf.train.load_checkpoint(self._checkpoint).get_tensor(_ITERATIONS_KEY))

    def newer(self, examples: Examples) -> Examples:
        """Returns the examples after the newest that was learned; earlier ones stay visible as histories.

        Raises:
          WarmStartError: if there are none.
        """
        until = self._before.until_microseconds
        rows = np.flatnonzero(examples.timestamps > until)
        if not len(rows):
            raise WarmStartError(
                f"The training interactions of --prepared_dir end at {_as_date(examples.timestamps.max())}, but "
                f"{self._config.model_dir} has learned until {_as_date(until)}; prepare a log with newer ones, or go "
                "on from an earlier model."
            )
        return examples.take(rows)

    def with_replay(self, examples: Examples) -> Examples:
        """Returns the newer examples, and with them those of the last days that were learned.

        What is only trained on while it is new is forgotten as newer things come; repeating the last of the old is the
        oldest remedy (Ratcliff, Psychological Review 97(2), 1990). Only the newer ones are counted as seen.
        """
        begin = self._before.until_microseconds - self._config.replay_days * _MICROSECONDS_PER_DAY
        return examples.take(np.flatnonzero(examples.timestamps > begin))

    def learned(self, data: prepared_data.PreparedData, examples: Examples) -> learned_data.LearnedData:
        """Returns what the run will have learned of its data: grown vocabularies, and the statistics as they were."""
        return learned_data.of_next_day(self._before, data, examples, self._config.policy, self._training.model)

    def carry_over(self, model: two_tower.TwoTowerModel, root: tf.train.Checkpoint) -> None:
        """Gives the model and its optimizer what the other run has learned.

        Args:
          model: compiled, all its variables made.
          root: what is checkpointed of a run.

        Raises:
          ModelDirectoryError: if the checkpoint is damaged, or of another version.
          CarryOverError: if the models differ in more than their vocabularies.
        """
        inputs = prepared_data.read_model_inputs(self._paths.description)
        old_model = two_tower_builder.build_two_tower(self._description.config, inputs, self._description.seed)
        values = checkpoint_values.CheckpointValues(root, self._checkpoint)
        growth.carry_over(model, old_model, values.variables, values.value, self._config.new_rows)


def require_same_model(
    model_dir: str | os.PathLike[str], training: training_config.TrainingConfig, data: prepared_data.PreparedData
) -> None:
    """Refuses options that shape the weights, and another schema; rates, batch size and epochs may be others.

    Args:
      model_dir: of the run to go on from.
      training: the options of the run that goes on.
      data: what it is trained on.

    Raises:
      ModelDirectoryError: if there is no such run; OtherSchemaError if it was trained with another schema.
      OtherOptionsError: naming the first that differs.
    """
    description = model_directory.read_description(model_dir)
    before = {**dataclasses.asdict(description.config), "seed": description.seed}
    before["optimizer"] = description.training_options["optimizer"]
    now = {**dataclasses.asdict(training.model), "seed": training.seed, "optimizer": training.optimization.optimizer}
    for name, value in now.items():
        if before[name] != value:
            raise OtherOptionsError(model_dir, f"--{name} is {value!r} and was {before[name]!r}")
    model_directory.require_schema(model_dir, data)


def _newest_checkpoint(paths: model_directory.ModelPaths, description: model_directory.ModelDescription) -> str:
    checkpoint = tf.train.latest_checkpoint(paths.checkpoints)
    if checkpoint is None or checkpoint.endswith("-0"):
        raise model_directory.ModelDirectoryError(
            f"{paths.directory} has no finished epoch to go on from; run its training again with --resume."
        )
    if model_directory.read_stamp(checkpoint) != description.stamp.encode():
        raise model_directory.ModelDirectoryError(
            f"{checkpoint} is of another run than {paths.description}; train that model again with --noresume."
        )
    return checkpoint


def _as_date(microseconds: int) -> str:
    return f"{np.datetime64(int(microseconds), 'us')} UTC"
