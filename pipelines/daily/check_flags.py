"""Flags of what a day and its model have to keep to, and the configurations that they describe."""

from absl import flags

from pipelines.daily.day_checks import DayCheckConfig
from pipelines.daily.model_gates import ModelGateConfig

_MIN_VOLUME_RATIO = flags.DEFINE_float(
    "min_volume_ratio", 0.3, "Fewest rows of a day, relative to the median of the days before, in [0, 1]."
)
_MAX_VOLUME_RATIO = flags.DEFINE_float(
    "max_volume_ratio", 3.0, "Most rows of a day, relative to the median of the days before, >= 1."
)
_MAX_NEW_QUERY_FRACTION = flags.DEFINE_float(
    "max_new_query_fraction",
    0.9,
    "Largest share of a day's interactions of queries that no day before has, in [0, 1], unless about as many were new "
    "the day before.",
)
_MAX_NEW_CANDIDATE_FRACTION = flags.DEFINE_float(
    "max_new_candidate_fraction",
    0.9,
    "Largest share of a day's interactions with candidates that no day before has, in [0, 1], unless about as many "
    "were new the day before.",
)
_MAX_REPEATED_FRACTION = flags.DEFINE_float(
    "max_repeated_fraction",
    0.5,
    "Largest share of a day's interactions that one day before has at the same time of day, in [0, 1]; 1 for a log "
    "without times of day in which the same is chosen day after day.",
)
_MAX_OUTSIDE_FRACTION = flags.DEFINE_float(
    "max_outside_fraction",
    0.0,
    "Largest share of a day's interactions whose time is of another date, in [0, 1]; they are counted and dropped.",
)
_COMPARED_DAYS = flags.DEFINE_integer(
    "compared_days", 30, "With how many of the last days that have data a day is compared, whatever --window_days is."
)
_ALLOW_UNFINISHED_DAY = flags.DEFINE_boolean(
    "allow_unfinished_day",
    False,
    "Whether a day whose end in UTC has not come is trained on, as its partition is whole.",
)
_MAX_DAY_RECALL_LOSS = flags.DEFINE_float(
    "max_day_recall_loss",
    0.1,
    "Largest loss of recall@20 on a day's interactions by training on them, relative to yesterday's model, in [0, 1].",
)
_ALLOW_WORSE_THAN_POPULARITY = flags.DEFINE_boolean(
    "allow_worse_than_popularity", False, "Whether a model may know a day's interactions less than popularity does."
)
_MAX_LENGTH_RATIO = flags.DEFINE_float(
    "max_length_ratio",
    10.0,
    "How many times longer, or shorter, the embeddings of the corpus may become in a day's training, > 1.",
)

_MAX_WINDOW_RECALL_LOSS = flags.DEFINE_float(
    "max_window_recall_loss",
    0.5,
    "Largest loss of recall@20 on the last interactions before a day by training on it, relative to yesterday's model, "
    "which has just been trained on these, in [0, 1].",
)
_NUM_WINDOW_QUESTIONS = flags.DEFINE_integer(
    "num_window_questions", 10_000, "How many of the last interactions before a day are asked for at most; 0 for none."
)
_MAX_EXPIRED_FRACTION = flags.DEFINE_float(
    "max_expired_fraction",
    0.3,
    "Largest share of the query ids, or of the candidate ids, that expire in a day's training, in [0, 1].",
)


def day_check_config(max_rejected_fraction: float, engine_memory_limit: str | None) -> DayCheckConfig:
    """Returns the bounds of a day that the flags describe.

    Args:
      max_rejected_fraction: largest share of rows that cannot be read, which is preparation's own flag.
      engine_memory_limit: likewise.
    """
    return DayCheckConfig(
        min_volume_ratio=_MIN_VOLUME_RATIO.value,
        max_volume_ratio=_MAX_VOLUME_RATIO.value,
        max_new_query_fraction=_MAX_NEW_QUERY_FRACTION.value,
        max_new_candidate_fraction=_MAX_NEW_CANDIDATE_FRACTION.value,
        max_repeated_fraction=_MAX_REPEATED_FRACTION.value,
        max_outside_fraction=_MAX_OUTSIDE_FRACTION.value,
        max_rejected_fraction=max_rejected_fraction,
        compared_days=_COMPARED_DAYS.value,
        allow_unfinished_day=_ALLOW_UNFINISHED_DAY.value,
        engine_memory_limit=engine_memory_limit,
    )


def model_gate_config() -> ModelGateConfig:
    """Returns the bounds of a model that the flags describe."""
    return ModelGateConfig(
        max_day_recall_loss=_MAX_DAY_RECALL_LOSS.value,
        allow_worse_than_popularity=_ALLOW_WORSE_THAN_POPULARITY.value,
        max_length_ratio=_MAX_LENGTH_RATIO.value,
        max_window_recall_loss=_MAX_WINDOW_RECALL_LOSS.value,
        num_window_questions=_NUM_WINDOW_QUESTIONS.value,
        max_expired_fraction=_MAX_EXPIRED_FRACTION.value,
    )
