"""Searches options and dies by SIGKILL at named places, one after another in one directory, then runs to the end.

python -m tests.pipelines.killed_tuning PREPARED_DIR OUTPUT_DIR [PLACE:TIMES ...]

Each run is a fork of a process that has imported everything and started nothing, and trains no model but a stand-in
that keeps its epochs as training does, in a moment: that a real training survives a kill has a drill of its own. At
the kill a PLACE is passed for the TIMES-th time.
"""

import collections
import math
import os
import pathlib
import signal
import sys
from collections.abc import Callable

from pipelines import artifacts, model_directory, train, tune
from pipelines.tuning import search_space, trial_training, trials

_OPTIONS = {"num_epochs": 3, "early_stop_patience": 0}
_SPACE = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "dropout": {"choices": [0.0, 0.3]}}


class _Death:
    def __init__(self, place: str, times: int):
        self._place, self._times = place, times
        self._passed: collections.Counter[str] = collections.Counter()

    def at(self, place: str, before_kill: Callable[[], None] = lambda: None) -> None:
        """Passes a place, and dies there if it is the one."""
        self._passed[place] += 1
        if (place, self._passed[place]) == (self._place, self._times):
            before_kill()
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Passes a place in the middle of each write, and after each change of a trial."""
        replace, draw, call = os.replace, trials.Trials.draw, trial_training._Watch.__call__
        end, tell = trials.Trials.end, trials.optuna.Study.tell

        def watched_replace(written: pathlib.Path, path: pathlib.Path) -> None:
            self.at(f"half of {pathlib.Path(path).name}", lambda: os.truncate(written, os.stat(written).st_size // 2))
            replace(written, path)

        def watched(place: str, function: Callable, before: str = "") -> Callable:
            def passing(*arguments: object, **words: object) -> object:
                if before:
                    self.at(before)
                result = function(*arguments, **words)
                self.at(place)
                return result

            return passing

        os.replace = watched_replace
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


def _in_fork(function: Callable[[], None]) -> int:
    """Returns the status of a child that calls the function."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitpid(child, 0)[1]


def main() -> None:
    prepared_dir, output_dir, *deaths = sys.argv[1:]
    for death in deaths:
        place, times = death.split(":")

        def dying(place: str = place, times: str = times) -> None:
            _Death(place, int(times)).watch()
            _search(prepared_dir, output_dir)

        status = _in_fork(dying)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"{death} was not where the search died, but ended with {status}")
    sys.exit(_in_fork(lambda: _search(prepared_dir, output_dir)))


if __name__ == "__main__":
    main()
