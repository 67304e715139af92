"""The flags of a training run, named like its options; those not given leave an option as it is.

Their defaults are those of the options, for `--help` alone: a `--config` file may hold others.
"""

from collections.abc import Collection
from typing import Any

from absl import flags

from pipelines import common_flags, job, training_config
from tfrs_model import model_config, optimizers

_MODEL_FLAGS = (
    flags.DEFINE_integer("embedding_dim", None, "Width of both towers' outputs and of the id tables."),
    flags.DEFINE_list("query_hidden_units", None, "Widths of the query tower's hidden layers, such as 128,64."),
    flags.DEFINE_list("candidate_hidden_units", None, "Widths of the candidate tower's hidden layers."),
    flags.DEFINE_integer("query_cross_layers", None, "Layers of the query tower's cross network; 0 for none."),
    flags.DEFINE_integer("candidate_cross_layers", None, "Layers of the candidate tower's cross network; 0 for none."),
    flags.DEFINE_bool("use_query_id", None, "Whether a query's own id is embedded."),
    flags.DEFINE_integer("history_length", None, "How many of the last candidate ids a query brings; 0 for none."),
    flags.DEFINE_enum(
        "history_encoder", None, model_config.NAMES["history_encoder"], "What the query tower makes of the history."
    ),
    flags.DEFINE_integer("history_layers", None, "Layers of --history_encoder=gru or self_attention."),
    flags.DEFINE_integer("history_heads", None, "Heads of --history_encoder=self_attention."),
    flags.DEFINE_bool(
        "history_time_gaps", None, "Whether self_attention reads the time between interactions of the history."
    ),
    flags.DEFINE_bool(
        "reads_moment", None, "Whether the query tower reads how long ago its history was, and how much of it is shown."
    ),
    flags.DEFINE_bool("share_candidate_embedding", None, "Whether history and candidate tower use one table."),
    flags.DEFINE_bool(
        "skip_connection",
        None,
        "Whether embeddings of ids and history are added to the towers' outputs as they are, past all layers.",
    ),
    flags.DEFINE_float(
        "dropout", None, "Dropout rate on the inputs of both towers and in their encoder of histories, in [0, 1)."
    ),
    flags.DEFINE_float(
        "query_id_dropout", None, "Probability with which training takes a query's id for an unknown one, in [0, 1)."
    ),
    flags.DEFINE_float(
        "candidate_id_dropout",
        None,
        "Probability with which training takes a candidate's id for an unknown one, in [0, 1).",
    ),
    flags.DEFINE_integer("num_oov_buckets", None, "Embedding rows for ids outside the vocabulary."),
    flags.DEFINE_float("temperature", None, "Divisor of the training scores, > 0."),
    flags.DEFINE_enum(
        "similarity", None, model_config.NAMES["similarity"], "What the product of both towers' outputs is."
    ),
    flags.DEFINE_enum("objective", None, model_config.NAMES["objective"], "The loss of a row against its negatives."),
    flags.DEFINE_bool("learn_temperature", None, "Whether the temperature is learned, from a tenth to ten times."),
    flags.DEFINE_enum(
        "log_q_correction",
        None,
        model_config.NAMES["log_q_correction"],
        "How streamed frequencies correct the logits: not at all, on every column (Yi et al. 2019), or with the "
        "positive left out (Khrylchenko et al. 2025).",
    ),
    flags.DEFINE_bool("remove_history", None, "Whether what a query chose before is masked among its negatives."),
    flags.DEFINE_enum(
        "negatives",
        None,
        model_config.NAMES["negatives"],
        "The batch's other positives; candidates drawn for each row; or none, the weights being labels.",
    ),
    flags.DEFINE_integer("num_row_negatives", None, "Candidates drawn for each row, with --negatives=per_row."),
    flags.DEFINE_integer("num_hard_negatives", None, "Highest corrected negatives that a row keeps; 0 for all."),
    flags.DEFINE_integer("num_uniform_negatives", None, "Candidates drawn uniformly in each step, for all its rows."),
    flags.DEFINE_integer(
        "num_corpus_hard_negatives",
        None,
        "Candidates drawn in each step for all its rows, the more probable the higher they score.",
    ),
    flags.DEFINE_integer("corpus_refresh_steps", None, "Steps after which the index of those draws is made anew."),
    flags.DEFINE_integer("bank_size", None, "Candidates of past batches that are kept as negatives."),
    flags.DEFINE_integer("bank_warm_up_steps", None, "Steps before the bank is used."),
    flags.DEFINE_bool("remove_accidental_hits", None, "Whether a row's positive is masked among its negatives."),
    flags.DEFINE_enum(
        "frequency_estimator",
        None,
        model_config.NAMES["frequency_estimator"],
        "Estimator of the frequencies: decayed counts on several time scales, or the mean gaps of the paper.",
    ),
    flags.DEFINE_integer("frequency_num_buckets", None, "Buckets per hash of the frequency estimate; 0 sizes them."),
    flags.DEFINE_integer("frequency_num_hashes", None, "Hashes of the frequency estimate."),
)
_TRAINING_FLAGS = (
    flags.DEFINE_enum(
        "optimizer",
        None,
        optimizers.OPTIMIZERS,
        "Optimizer of both towers; a step of adam takes longer the larger the tables are, of the others it does not.",
    ),
    flags.DEFINE_float("learning_rate", None, "Of the optimizer, > 0; the loss is a mean over the batch."),
    flags.DEFINE_float("table_learning_rate", None, "Of the embedding tables; learning_rate if not given."),
    flags.DEFINE_float("weight_decay", None, "Share by which matrices and touched rows shrink, times the rate."),
    flags.DEFINE_float("clip_norm", None, "Largest norm of all gradients together; 0 for no clipping."),
    flags.DEFINE_enum("schedule", None, optimizers.SCHEDULES, "Course of both learning rates after the warm-up."),
    flags.DEFINE_integer("warm_up_steps", None, "Steps over which both learning rates rise."),
    flags.DEFINE_integer("decay_steps", None, "Step at which schedule cosine has reached 0."),
    flags.DEFINE_integer("batch_size", None, "Positives per step, each a negative of the others; >= 2."),
    flags.DEFINE_bool(
        "every_position",
        None,
        "Whether a batch is made of stretches of histories that are read once and train every position in them.",
    ),
    flags.DEFINE_integer("steps_per_execution", None, "Steps between two returns to Python; no number depends on it."),
    flags.DEFINE_integer("num_epochs", None, "Passes over the training interactions at most."),
    flags.DEFINE_integer("early_stop_patience", None, "Epochs without improvement before stopping; 0 never stops."),
    flags.DEFINE_enum(
        "early_stop_metric",
        None,
        training_config.EARLY_STOP_METRICS,
        "Validation metric that picks the best epoch.",
    ),
    common_flags.ASK_PER,
    flags.DEFINE_integer("seed", None, "Of every random draw."),
)

_CONFIG = flags.DEFINE_string(
    "config",
    None,
    "JSON file of options named like the flags, or the name of one that is shipped, such as movielens_100k; flags "
    "that are given go before it, it goes before their defaults.",
)
_FLAGS = (*_MODEL_FLAGS, *_TRAINING_FLAGS)
for _flag in _FLAGS:
    _default = training_config.default_options()[_flag.name]
    flags.set_default(_flag, list(_default) if isinstance(_default, tuple) else _default)


def options_from_flags() -> dict[str, Any]:
    """Returns the model and training options that were given as flags."""
    return {flag.name: flag.value for flag in _FLAGS if flag.present}


def options_from_file_and_flags(default_config: str = "") -> dict[str, Any]:
    """Returns the options of the `--config` file, under those that were given as flags.

    Args:
      default_config: the file where none is given as a flag, or empty for none.

    Raises:
      ConfigError: if there is no such file, or it is not a JSON object.
    """
    name = _CONFIG.value or default_config
    from_file = training_config.read_options(name) if name else {}
    return {**from_file, **options_from_flags()}


def refuse_given(own: Collection[str], remedy: str) -> None:
    """Refuses flags of a training run that were given to a job that would not read them.

    Args:
      own: names of those that the job reads.
      remedy: what to do instead.

    Raises:
      ConfigError: if another one was given.
    """
    if given := [flag.name for flag in (*_FLAGS, _CONFIG) if flag.present and flag.name not in own]:
        raise job.ConfigError(f"--{given[0]} is no flag of this job; {remedy}.")
