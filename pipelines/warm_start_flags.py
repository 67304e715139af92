"""The flags of a run that goes on from another one's checkpoint."""

from absl import flags

from pipelines import job, warm_start
from tfrs_model import growth

_DIR = flags.DEFINE_string(
    "warm_start_dir",
    None,
    "model_dir of an earlier run to go on from, at its newest checkpoint: towers, optimizer slots and steps, frequency "
    "state and vocabularies. Trained on are the training interactions newer than what it has learned, and with "
    "--replay_days the last ones before them.",
)
_POLICY = (
    flags.DEFINE_integer(
        "admission_min_count",
        1,
        "With --warm_start_dir: training interactions of all days together that a new value needs for a row.",
    ),
    flags.DEFINE_integer(
        "expire_after_days",
        0,
        "With --warm_start_dir: days without an interaction, up to the newest of the log, after which a value loses "
        "its row; 0 for never. They are those of the calendar: an outage of the log counts too.",
    ),
    flags.DEFINE_integer(
        "expire_below_count",
        0,
        "With --expire_after_days: values with at least so many interactions stay, however old; 0 keeps none.",
    ),
)
_NEW_ROWS = flags.DEFINE_enum(
    "new_rows",
    "initial",
    growth.NEW_ROWS,
    "With --warm_start_dir: rows of new values start as drawn for the value alone, or at the row that it had while it "
    "was unknown, which is worth it if --candidate_id_dropout has trained that row.",
)
_REPLAY_DAYS = flags.DEFINE_integer(
    "replay_days",
    0,
    "With --warm_start_dir: interactions of so many days up to the newest that was learned are trained on again, as "
    "far as the prepared data have them, so that little is forgotten; they are not counted again. 0 for none.",
)


def config_from_flags() -> warm_start.WarmStartConfig | None:
    """Returns the configuration, or `None` for a run that starts afresh.

    Raises:
      ConfigError: if a policy is given to a run that starts afresh.
      GrowthPolicyError: if a number is out of its range.
    """
    if not _DIR.value:
        if given := [flag.name for flag in (*_POLICY, _NEW_ROWS, _REPLAY_DAYS) if flag.present]:
            raise job.ConfigError(
                f"--{given[0]} is about going on from another run and needs --warm_start_dir; name it."
            )
        return None
    return config_of(_DIR.value)


def config_of(model_dir: str) -> warm_start.WarmStartConfig:
    """Returns the configuration for a job that chooses itself which run to go on from, once it knows.

    Raises:
      ConfigError: if `--warm_start_dir` is given.
      GrowthPolicyError: if a number is out of its range.
    """
    if _DIR.value not in (None, model_dir):
        raise job.ConfigError("--warm_start_dir is chosen by this job, day by day; leave it out.")
    policy = growth.VocabularyPolicy(**{flag.name: flag.value for flag in _POLICY})
    return warm_start.WarmStartConfig(model_dir, policy, _NEW_ROWS.value, _REPLAY_DAYS.value)
