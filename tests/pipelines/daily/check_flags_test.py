import dataclasses

from absl import flags
from absl.testing import flagsaver

from pipelines.daily import check_flags, day_checks, model_gates


@flagsaver.flagsaver
def _parsed(*arguments):
    flags.FLAGS(["daily_run", *arguments])
    return check_flags.day_check_config(0.02, "2GB"), check_flags.model_gate_config()


def test_flags_that_are_not_given_leave_the_bounds_of_the_configurations():
    day, model = _parsed()
    assert day == day_checks.DayCheckConfig(max_rejected_fraction=0.02, engine_memory_limit="2GB")
    assert model == model_gates.ModelGateConfig()


def test_every_flag_sets_its_bound():
    wanted_day = {
        "min_volume_ratio": 0.25,
        "max_volume_ratio": 12.0,
        "max_new_query_fraction": 1.0,
        "max_new_candidate_fraction": 0.75,
        "max_repeated_fraction": 0.125,
        "max_outside_fraction": 0.01,
        "compared_days": 7,
        "allow_unfinished_day": True,
    }
    wanted_model = {
        "max_day_recall_loss": 0.5,
        "allow_worse_than_popularity": True,
        "max_length_ratio": 2.0,
        "max_window_recall_loss": 0.75,
        "num_window_questions": 500,
        "max_expired_fraction": 0.25,
    }
    wanted = wanted_day | wanted_model
    day, model = _parsed(*(f"--{name}={str(value).lower()}" for name, value in wanted.items()))
    assert dataclasses.asdict(day) == {**wanted_day, "max_rejected_fraction": 0.02, "engine_memory_limit": "2GB"}
    assert dataclasses.asdict(model) == wanted_model
