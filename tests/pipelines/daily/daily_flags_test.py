import datetime

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import daily_run, job
from pipelines.daily import daily_flags

_DIRS = {"interactions_dir": "log", "state_dir": "state", "export_dir": "served"}


@pytest.fixture(autouse=True)
def parsed():
    """Lets flags be read that were not given."""
    was_parsed = flags.FLAGS.is_parsed()
    with flagsaver.flagsaver():
        flags.FLAGS.mark_as_parsed()
        yield
    if not was_parsed:
        flags.FLAGS.unparse_flags()


def _config(**given):
    with flagsaver.as_parsed(**_DIRS | given):
        return daily_flags.config_from_flags()


def test_flags_of_every_stage_reach_it():
    config = _config(
        num_epochs="7",
        epochs_per_day="2",
        expire_after_days="90",
        keep_versions="5",
        max_volume_ratio="20",
        max_length_ratio="3",
        max_rejected_fraction="0.2",
        skip_date=["2026-11-03", "2026-11-02"],
        from_date="2026-11-01",
    )
    assert (config.training.num_epochs, config.epochs_per_day) == (7, 2)
    assert config.warm_start.policy.expire_after_days == 90
    assert (config.export.keep_versions, config.export.export_dir) == (5, "served")
    assert (config.checks.max_volume_ratio, config.checks.max_rejected_fraction) == (20, 0.2)
    assert config.gates.max_length_ratio == 3
    assert config.skip_dates == (datetime.date(2026, 11, 2), datetime.date(2026, 11, 3))
    assert (config.from_date, config.to_date) == (datetime.date(2026, 11, 1), None)


def test_every_interaction_trains():
    assert _config().prepare.split == "none"
    with pytest.raises(job.ConfigError, match="--split=leave_last_out is no flag of a daily run"):
        _config(split="leave_last_out")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"from_date": "1 November"}, "--from_date must be a date such as 2026-11-01, but is '1 November'"),
        ({"from_date": "2026-11-02", "to_date": "2026-11-01"}, "--from_date=2026-11-02 must not be after --to_date"),
        ({"slice_days": "0"}, "--slice_days must be >= 1, but is 0"),
        ({"window_days": "-1"}, "--window_days must be >= 0, but is -1"),
        ({"replay_days": "31"}, "--replay_days=31 must be at most --window_days=30"),
        ({"warm_start_dir": "monday"}, "--warm_start_dir is chosen by this job, day by day; leave it out"),
        ({"model_dir": "model"}, "--model_dir is no flag of a daily run, which chooses it day by day; leave it out"),
        ({"rollback": "true"}, "--rollback is no flag of a daily run"),
        ({"timestamp_column": ""}, "--split=none|needs timestamps"),
        ({"interactions_dir": "a,b"}, "--interactions_dir must have no comma in its path, but is a,b"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_flag(given, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        _config(**given)


def test_the_help_of_a_daily_run_lists_the_flags_of_its_stages_and_none_that_it_refuses():
    listed = {flag.name for flag in flags.FLAGS.get_key_flags_for_module(daily_run)}
    assert {"state_dir", "schema", "num_epochs", "keep_versions", "expire_after_days", "max_volume_ratio"} <= listed
    refused = {"interactions", "prepared_dir", "model_dir", "resume", "rollback", "tensorboard_dir", "warm_start_dir"}
    assert listed & (refused | {"split"}) == set()
