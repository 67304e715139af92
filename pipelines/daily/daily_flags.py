"""Flags of the daily run, beside those of the jobs that are its stages."""

import datetime

from absl import flags

from pipelines import export_flags, job, prepare_data, training_config, training_flags, warm_start_flags
from pipelines.daily import check_flags, daily_config

_INTERACTIONS_DIR = flags.DEFINE_string(
    "interactions_dir",
    None,
    "Directory with a Parquet file YYYY-MM-DD.parquet, or a folder date=YYYY-MM-DD of them, for each date in UTC.",
)
STATE_DIR = flags.DEFINE_string(
    "state_dir", None, "Directory of what is made of each day: prepared data, models, records, the ledger."
)
_EPOCHS_PER_DAY = flags.DEFINE_integer(
    "epochs_per_day", 1, "Passes over the interactions of each day; the first day has --num_epochs."
)
_SLICE_DAYS = flags.DEFINE_integer("slice_days", 1, "Days that each partition is of; its name is the first of them.")
_WINDOW_DAYS = flags.DEFINE_integer(
    "window_days", 30, "Days before a date whose interactions are prepared with it, as histories and as corpus."
)
_MAX_MISSING = flags.DEFINE_integer(
    "max_missing", 7, "Largest number of dates in a row without a partition, which are noted as days without data."
)
_KEEP_DAYS = flags.DEFINE_integer(
    "keep_days", 14, "Of how many of the newest days prepared data and models stay; records and reports all do."
)
_ASK_AGAIN = flags.DEFINE_bool(
    "ask_again", False, "Whether yesterday's model is also asked for what a query chose before, with nothing excluded."
)
_FROM_DATE = flags.DEFINE_string("from_date", None, "First date to do, YYYY-MM-DD; by default the first not done yet.")
_TO_DATE = flags.DEFINE_string("to_date", None, "Last date to do; by default the last that has a partition.")
_SKIP_DATES = flags.DEFINE_multi_string("skip_date", [], "A date to pass over, for good; may be given again.")
_BACKFILL_FROM = flags.DEFINE_string("backfill_from", None, "Do this date and all later ones again.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Say what would be done, and do nothing.")
flags.adopt_module_key_flags(check_flags)

# Of the jobs that are stages, what is chosen day by day.
_CHOSEN = ("interactions", "prepared_dir", "model_dir", "resume", "rollback", "tensorboard_dir")
# What those jobs have and --help of a daily run leaves out, as it is refused or means nothing here.
NOT_GIVEN = (*_CHOSEN, "warm_start_dir", "split", "validation_fraction", "test_fraction")


def config_from_flags() -> daily_config.DailyRunConfig:
    """Returns the configuration that the flags describe.

    Raises:
      ConfigError: if a flag has no meaning here, or is out of its range.
    """
    if given := [name for name in _CHOSEN if flags.FLAGS[name].present]:
        raise job.ConfigError(f"--{given[0]} is no flag of a daily run, which chooses it day by day; leave it out.")
    interactions_dir, state_dir = _INTERACTIONS_DIR.value or "", STATE_DIR.value or ""
    # What is chosen day by day is named by the directories that hold it.
    prepare = prepare_data.config_from_flags(
        interactions=interactions_dir,
        prepared_dir=state_dir,
        **{} if flags.FLAGS["split"].present else {"split": "none"},
    )
    return daily_config.DailyRunConfig(
        interactions_dir=interactions_dir,
        state_dir=state_dir,
        prepare=prepare,
        training=training_config.training_config(training_flags.options_from_file_and_flags()),
        warm_start=warm_start_flags.config_of(state_dir),
        export=export_flags.config_from_flags(prepared_dir=state_dir, model_dir=state_dir),
        checks=check_flags.day_check_config(prepare.max_rejected_fraction, prepare.engine_memory_limit),
        gates=check_flags.model_gate_config(),
        epochs_per_day=_EPOCHS_PER_DAY.value,
        slice_days=_SLICE_DAYS.value,
        window_days=_WINDOW_DAYS.value,
        max_missing=_MAX_MISSING.value,
        keep_days=_KEEP_DAYS.value,
        ask_again=_ASK_AGAIN.value,
        from_date=_date(_FROM_DATE),
        to_date=_date(_TO_DATE),
        skip_dates=tuple(sorted({_parsed("skip_date", each) for each in _SKIP_DATES.value})),
        backfill_from=_date(_BACKFILL_FROM),
        dry_run=_DRY_RUN.value,
    )


def _date(flag: flags.FlagHolder) -> datetime.date | None:
    return _parsed(flag.name, flag.value) if flag.value else None


def _parsed(name: str, text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise job.ConfigError(f"--{name} must be a date such as 2026-11-01, but is {text!r}.") from error
