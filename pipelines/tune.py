"""Searches the training options that answer validation best, and writes them as a configuration for `train`.

    python -m pipelines.tune --prepared_dir=prepared --output_dir=tuned --config=movielens_100k --num_trials=40
    python -m pipelines.train --prepared_dir=prepared --model_dir=model --config=tuned/best.json

Every trial trains as `train` would, with the options of `--config` and of the flags, and above them those drawn from
`--search_space`; the first takes what is not drawn, if that lies in the space. What counts is the metric of
`--early_stop_metric` in the best epoch on the validation split; the test split is never asked. A trial whose best
epoch so far is below the median of the others at the same epoch is given up.

The search can be interrupted anywhere, and goes on when started again with the same command: trials that ended are
kept, and the one that was cut off is tried again from its last checkpoint. One in which the process is killed three
times in a row before another epoch is finished, as where memory does not suffice, ends so. A higher `--num_trials` goes
on too. One trial runs at a time, since one training uses all cores.
"""

import contextlib
import dataclasses
import math
import pathlib
import time
from typing import Any

import optuna
from absl import app, flags, logging

from pipelines import (
    artifacts,
    common_flags,
    directory_lock,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
    training_config,
    training_flags,
)
from pipelines.tuning import search_space, summary
from pipelines.tuning.paths import TuningPaths
from pipelines.tuning.trial_training import Ended, TrialTraining
from pipelines.tuning.trials import Trial, Trials

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("output_dir")
flags.adopt_module_key_flags(training_flags)
_SEARCH_SPACE = flags.DEFINE_string(
    "search_space", None, "JSON file of the options that are searched; otherwise the shipped space."
)
_NUM_TRIALS = flags.DEFINE_integer("num_trials", 20, "Configurations to try, those of earlier runs among them.")
_TIMEOUT_SECONDS = flags.DEFINE_float(
    "timeout_seconds", None, "Longest time of this run; the epoch that is being trained then is finished."
)
_NUM_UNPRUNED_TRIALS = flags.DEFINE_integer(
    "num_unpruned_trials", 5, "Trials that must be finished before one is given up; no fewer than 1."
)
_NUM_UNPRUNED_EPOCHS = flags.DEFINE_integer("num_unpruned_epochs", 3, "Epochs that every trial gets; at least 1.")

# More than one may be bad luck.
_MAX_KILLS = 3


class TuningError(ValueError):
    """The directory is in use or holds another search, or no trial could be finished."""


@dataclasses.dataclass(frozen=True)
class TuneConfig:
    """What is searched, on what, and for how long.

    Attributes:
      prepared_dir: directory that `prepare_data` published; it must have a validation split.
      output_dir: everything goes below it.
      options: training options that every trial starts from.
      space: what is drawn above them.
      num_trials: configurations to try, those of earlier runs among them, >= 1.
      timeout_seconds: longest time of this run, > 0; `None` for no limit.
      num_unpruned_trials: trials that must be finished before one is given up, >= 1.
      num_unpruned_epochs: epochs that every trial gets, >= 1.
    """

    prepared_dir: str
    output_dir: str
    options: dict[str, Any]
    space: search_space.SearchSpace
    num_trials: int = 20
    timeout_seconds: float | None = None
    num_unpruned_trials: int = 5
    num_unpruned_epochs: int = 3

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "output_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        for name in ("num_trials", "num_unpruned_trials", "num_unpruned_epochs"):
            if getattr(self, name) < 1:
                raise job.ConfigError(f"--{name} must be >= 1, but is {getattr(self, name)}.")
        if self.timeout_seconds is not None and not 0.0 < self.timeout_seconds < math.inf:
            raise job.ConfigError(f"--timeout_seconds must be > 0 and finite, but is {self.timeout_seconds}.")

    @property
    def training(self) -> training_config.TrainingConfig:
        """What every trial starts from."""
        return training_config.training_config(self.options)


@dataclasses.dataclass(frozen=True)
class TuneResult:
    """What came out.

    Attributes:
      best: the trial that won, or `None` where time was up before one was finished.
      trials: those that came to an end, in their order.
      best_path: configuration file for `train`, there if `best` is.
    """

    best: Trial | None
    trials: list[Trial]
    best_path: pathlib.Path


def config_from_flags() -> TuneConfig:
    """Returns the configuration that the flags describe."""
    options = training_flags.options_from_file_and_flags()
    return TuneConfig(
        common_flags.PREPARED_DIR.value,
        common_flags.OUTPUT_DIR.value,
        options,
        search_space.read_search_space(_SEARCH_SPACE.value, options),
        _NUM_TRIALS.value,
        _TIMEOUT_SECONDS.value,
        _NUM_UNPRUNED_TRIALS.value,
        _NUM_UNPRUNED_EPOCHS.value,
    )


def run(config: TuneConfig) -> TuneResult:
    """Tries configurations until there are enough or time is up; writes the best one and a summary after each.

    Raises:
      ArtifactError, PreparedDataError: if the prepared data cannot be read.
      TuningError: if another run uses the directory, or it holds another search, or every trial was refused or
        diverged.
    """
    deadline = math.inf if config.timeout_seconds is None else time.monotonic() + config.timeout_seconds
    paths = TuningPaths(config.output_dir)
    data = _validated(config)
    with directory_lock.hold(paths.directory, "output_dir", "searching", TuningError):
        _require_same_search(config, paths, data)
        pruner = optuna.pruners.MedianPruner(config.num_unpruned_trials, config.num_unpruned_epochs)
        trials = Trials(paths.trials_file, config.space, config.options, config.training.seed, pruner)
        with contextlib.closing(trials):
            training = TrialTraining(config.prepared_dir, paths, config.options, deadline)
            if config.space.parameters(config.options) is None:
                logging.info("The options that trials start from lie outside --search_space, so none is of them alone")
            _write(config, paths, trials)
            goes_on = True
            while goes_on and len(trials.ended()) < config.num_trials and time.monotonic() < deadline:
                goes_on = _try_next(config, trials, training)
                _write(config, paths, trials)
            return _result(config, paths, trials)


def _validated(config: TuneConfig) -> prepared_data.PreparedData:
    """Reads the prepared data, which must have questions to compare trials by."""
    data = prepared_data.read_prepared_data(config.prepared_dir)
    ask_per = config.training.ask_per
    if not data.has_split("validation") or not len(
        offline_evaluation.questions_of(data, "validation", ask_per).examples
    ):
        raise TuningError(
            f"{config.prepared_dir} has no validation interactions that can be asked for, by which trials are "
            "compared; prepare the data with a validation split."
        )
    return data


def _require_same_search(config: TuneConfig, paths: TuningPaths, data: prepared_data.PreparedData) -> None:
    """Writes what the search is, or checks that the one there is the same."""
    search = {
        "prepared data": data.manifest_sha256,
        "code": model_directory.training_source_sha256(),
        "training options": training_config.all_options(config.training),
        "--search_space": config.space.as_json(),
        "--num_unpruned_trials": config.num_unpruned_trials,
        "--num_unpruned_epochs": config.num_unpruned_epochs,
    }
    if not paths.search.exists():
        artifacts.write_json(paths.search, search)
        return
    there = artifacts.read_json(paths.search)
    if changed := [name for name, value in search.items() if artifacts.sha256_of_json(value) != _sha256(there, name)]:
        raise TuningError(
            f"{paths.directory} holds a search with other {' and '.join(changed)}, whose trials do not compare with "
            "what would follow; name another --output_dir."
        )


def _sha256(search: dict, name: str) -> str:
    return artifacts.sha256_of_json(search.get(name))


def _try_next(config: TuneConfig, trials: Trials, training: TrialTraining) -> bool:
    """Returns whether the trial came to an end; if not, time is up."""
    trial, options = trials.draw()
    number = len(trials.ended()) + 1
    with job.stage(f"Trial {number} of {config.num_trials}: {_text(options)}") as counts:
        ended = _train(trials, training, trial, options)
        if ended is None:
            counts["interrupted"] = "time is up; the next run goes on with it"
            return False
        trials.end(trial, ended.outcome, ended.metric, options, **ended.about)
        counts["outcome"] = ended.outcome
        if ended.metric is not None:
            counts[config.training.early_stop_metric] = f"{ended.metric:.4f}"
        if best := trials.best():
            counts["best so far"] = f"{best.metric:.4f} of trial {best.number}"
        training.drop_all_checkpoints_but(best and best.options)
        return True


def _train(trials: Trials, training: TrialTraining, trial: optuna.Trial, options: dict[str, Any]) -> Ended | None:
    """Returns how the trial ended, or `None` if time was up; what kills the process each time is not tried on."""
    if (num_kills := trials.num_kills(trial)) >= _MAX_KILLS:
        reason = f"The process was killed {num_kills} times before it finished another epoch, perhaps for its memory."
        return Ended("killed", None, {"reason": reason})
    ended = None
    try:
        ended = training.run(trial, options)
    finally:
        # Also after Ctrl-C; a process that is killed comes by here no more.
        if ended is None:
            trials.set_aside(trial)
    return ended


def _write(config: TuneConfig, paths: TuningPaths, trials: Trials) -> None:
    """Writes the best configuration and the summaries as far as the search has come."""
    ended, best, metric = trials.ended(), trials.best(), config.training.early_stop_metric
    artifacts.write_json(paths.summary, summary.as_json(metric, ended, best, trials.num_interrupted))
    artifacts.write_text(paths.table, summary.as_markdown(metric, ended))
    if best:
        artifacts.write_json(paths.best, {**config.options, **best.options})


def _result(config: TuneConfig, paths: TuningPaths, trials: Trials) -> TuneResult:
    ended, best = trials.ended(), trials.best()
    if best is None and len(ended) >= config.num_trials:
        raise TuningError(
            f"None of {len(ended)} trials was finished; the last one: {ended[-1].about.get('reason', 'given up')} "
            f"{paths.table} has them all. Correct --search_space or the options, and name another --output_dir."
        )
    if len(ended) < config.num_trials:
        logging.info("Time is up after %d of %d trials; the same command goes on", len(ended), config.num_trials)
    if best:
        logging.info("%s holds the options of trial %d, the best of %d", paths.best, best.number, len(ended))
    return TuneResult(best, ended, paths.best)


def _text(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {summary.text(value)}" for name, value in options.items())


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["prepared_dir", "output_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
