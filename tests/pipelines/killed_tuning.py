"""Searches options and dies by SIGKILL at named places, one after another in one directory, then runs to the end.

python -m tests.pipelines.killed_tuning PREPARED_DIR OUTPUT_DIR [PLACE:TIMES ...]

Each run is a fork of a process that has imported everything and started nothing, and trains no model but a stand-in
that keeps its epochs as training does, in a moment: that a real training survives a kill has a drill of its own. At
the kill a PLACE is passed for the TIMES-th time.
"""

import math
import sys
from collections.abc import Callable

from pipelines import artifacts, model_directory, train, tune
from pipelines.tuning import search_space, trial_training, trials
from tests.pipelines import deaths

_OPTIONS = {"num_epochs": 3, "early_stop_patience": 0}
_SPACE = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "dropout": {"choices": [0.0, 0.3]}}


def _watch(death: deaths.Death) -> None:
    """Passes a place in the middle of each write, and after each change of a trial."""
    draw, call = trials.Trials.draw, trial_training._Watch.__call__
    end, tell = trials.Trials.end, trials.optuna.Study.tell

    def watched(place: str, function: Callable, before: str = "") -> Callable:
        def passing(*arguments: object, **words: object) -> object:
            if before:
                death.at(before)
            result = function(*arguments, **words)
            death.at(place)
            return result

        return passing

    death.watch_files()
    trials.Trials.draw = watched("drawn", draw)
    trial_training._Watch.__call__ = watched("reported", call)
    trials.Trials.end = watched("ended", end, before="trained")
    trials.optuna.Study.tell = watched("told", tell, before="outcome written")


def _stand_in_training(config: train.TrainJobConfig, is_hopeless: Callable) -> train.TrainResult:
    """Adds one record an epoch to the history that is there; recall grows by the epoch and is best at a rate of .01."""
    training, paths = config.training, model_directory.ModelPaths(config.model_dir)
    paths.checkpoints.mkdir(parents=True, exist_ok=True)
    history = artifacts.read_json(paths.history) if paths.history.exists() else []
    off = abs(math.log10(training.optimization.learning_rate / 0.01)) + training.model.dropout
    is_over = bool(history) and is_hopeless(history)
    while len(history) < training.num_epochs and not is_over:
        epoch = len(history) + 1
        validation = {"recall_at_10": 0.1 * epoch / (1.0 + off)}
        history = [*history, {"epoch": epoch, "loss": 1.0, "seconds": 0.0, "validation": validation}]
        artifacts.write_json(paths.history, history)
        is_over = is_hopeless(history)
    return train.TrainResult(history, len(history), 0.0, 0)


def _search(prepared_dir: str, output_dir: str) -> None:
    space = search_space.search_space(_SPACE, _OPTIONS)
    trial_training.train.run = _stand_in_training
    settings = {"num_trials": 5, "num_unpruned_trials": 1, "num_unpruned_epochs": 1}
    tune.run(tune.TuneConfig(prepared_dir, output_dir, _OPTIONS, space, **settings))


def main() -> None:
    prepared_dir, output_dir, *places = sys.argv[1:]
    sys.exit(deaths.run_through(places, _watch, lambda: _search(prepared_dir, output_dir)))


if __name__ == "__main__":
    main()
