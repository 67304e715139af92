"""What training day after day is worth, in one JSON line.

    python -m benchmarks.daily_training
    python -m benchmarks.daily_training --daily_training_parts=journey --journey_num_households=600 \\
        --journey_retrain_every=10

- journey: Complete Journey, a year of groceries, as 40 weekly slices behind the first weeks. Each purchase is predicted
  over the corpus of all products sold until then, from what the household bought strictly earlier, before anything is
  trained on its week: by the model that goes on from last week's, few epochs over all that there is (`warm`), one that
  is trained again on it from nothing (`retrained`), one that stays as it was before the first slice (`frozen`), and
  counts of all weeks and of the last 28 days. Over the last 10 weeks recall@20 of `warm` minus `retrained`
  must be above -3% of the latter at the lower end of the 95% interval, which draws households again, and the training
  job of `warm` must take a fifth of the time at most. Options of `warm` were chosen on weeks 2 to 5
  (`--journey_num_slices=5`), epochs of `retrained` in week 30, of 600 households.
- shift: a log with planted popularities that are reversed in one slice. The model that goes on must be back at the
  recall of before, less 3%, when it has trained on 2 slices of the new; beside it, the same without the frequency
  correction, the model that stays, and counts.

Results are kept in `--daily_training_work_dir`, one file for each slice and system: a run that was killed goes on, and
nothing is made twice while code and options stay the same.
"""

import json
import pathlib

from absl import app, flags

from benchmarks import data_flags, parts
from benchmarks.daily_training import journey, shift
from pipelines import job

flags.declare_key_flag("complete_journey_dir")
_NAMES = ("journey", "shift")
_PARTS = flags.DEFINE_list("daily_training_parts", list(_NAMES), "Which parts are measured.")
_WORK_DIR = flags.DEFINE_string("daily_training_work_dir", "benchmark_runs/daily_training", "Kept between runs.")
_NUM_HOUSEHOLDS = flags.DEFINE_integer(
    "journey_num_households", 0, "Households that are drawn; 0 for all 2,469.", lower_bound=0
)
_RETRAIN_EVERY = flags.DEFINE_integer(
    "journey_retrain_every", 1, "Before the last 10 weeks, every so many `retrained` is trained.", lower_bound=1
)
_NUM_SLICES = flags.DEFINE_integer(
    "journey_num_slices", journey.NUM_SLICES, "Weeks that are asked, to choose options on the first.", lower_bound=1
)
_EPOCHS = flags.DEFINE_integer("journey_epochs", None, "Epochs from scratch, instead of the chosen.")
_WARM_EPOCHS = flags.DEFINE_integer("journey_warm_epochs", None, "Epochs of a week, instead of the chosen.")
_WARM_RATE = flags.DEFINE_float("journey_warm_learning_rate", None, "Learning rate of a week, instead of the chosen.")
_REPLAY_DAYS = flags.DEFINE_integer(
    "journey_replay_days", journey.REPLAY_DAYS, "Days before the week that it is trained with.", lower_bound=0
)


def run() -> dict:
    """Measures what the flags name; returns the JSON line's object."""
    parts.require_known("daily_training_parts", _PARTS.value, _NAMES)
    directory = pathlib.Path(_WORK_DIR.value)
    given = {"num_epochs": _WARM_EPOCHS.value, "learning_rate": _WARM_RATE.value}
    config = journey.JourneyConfig(
        tables_dir=data_flags.COMPLETE_JOURNEY_DIR.value,
        directory=directory / "journey",
        num_households=_NUM_HOUSEHOLDS.value,
        retrain_every=_RETRAIN_EVERY.value,
        num_slices=_NUM_SLICES.value,
        options={} if _EPOCHS.value is None else {"num_epochs": _EPOCHS.value},
        warm_options={name: value for name, value in given.items() if value is not None},
        replay_days=_REPLAY_DAYS.value,
    )
    functions = {"journey": lambda: journey.measure(config), "shift": lambda: shift.measure(directory / "shift")}
    return parts.measure("daily_training", {name: functions[name] for name in _NAMES if name in _PARTS.value})


def main(argv: list[str]) -> None:
    """Prints one JSON line, and tables on stderr."""
    job.run_main(lambda: print(json.dumps(run())), argv)


if __name__ == "__main__":
    app.run(main)
