"""What may be compared, found by its name: a baseline, a configuration, a model directory, or a file of parameters."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines import job, model_directory, prepared_data, training_config
from pipelines.comparison import questions, trained, widest_fit
from pipelines.comparison.baselines import BASELINES

SOFTMAX_DNN = "softmax_dnn"
_BASELINE_KEY = "baseline"
# Recall@10 on validation of MovieLens-100K, seed 0: .2015; with learning rate .002 .1930, with that and dropout .5
# .1845, with that and no hidden layer .1983.
_SOFTMAX_DNN = {
    "embedding_dim": 64,
    "query_hidden_units": [64],
    "history_length": 100,
    "similarity": "dot",
    "temperature": 1.0,
    "optimizer": "adam",
    "learning_rate": 0.005,
    "batch_size": 1024,
    "num_epochs": 20,
    "early_stop_patience": 3,
}

# Returns what asks, given data, parameters, a seed and a directory of its own.
Fit = Callable[[prepared_data.PreparedData, Mapping[str, Any], int, pathlib.Path], questions.Ask]


@dataclasses.dataclass(frozen=True)
class System:
    """One row of the table.

    Attributes:
      name: as it was given.
      kind: what it is, for a reader of the results.
      parameter_sets: what validation chooses from; one is taken as it is.
      is_seeded: whether another seed gives another answer.
      fit: fits it.
      identity: what else shapes its answers, apart from data, code, parameters and seed.
      fit_bytes: the memory that a fit takes, given the number of candidates, where it grows with its square.
      is_of_other_data: whether it was trained before, on other data than these, and so may know what they hold out.
    """

    name: str
    kind: str
    parameter_sets: tuple[Mapping[str, Any], ...]
    is_seeded: bool
    fit: Fit
    identity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fit_bytes: Callable[[int], int] = lambda num_candidates: 0
    is_of_other_data: Callable[[prepared_data.PreparedData], bool] = lambda data: False


def require_memory(
    found: Sequence[System],
    num_candidates: int,
    available_bytes: int | None,
    is_answered: Callable[[System], bool] = lambda system: False,
) -> None:
    """Checks, before anything is fitted, that what grows with the square of the corpus has room.

    Args:
      found: what will be fitted, one after another, unless it is answered.
      num_candidates: of the corpus.
      available_bytes: what may still be taken; `None` where that is not known.
      is_answered: whether nothing of a system has to be fitted; asked of those that have no room alone.

    Raises:
      ConfigError: if a system needs more.
    """
    for system in found:
        needed = system.fit_bytes(num_candidates)
        if available_bytes is not None and needed > available_bytes and not is_answered(system):
            raise job.ConfigError(
                f"--systems={system.name} takes {needed / 1e9:.1f} GB for a corpus of {num_candidates:,} candidates, "
                f"but {available_bytes / 1e9:.1f} GB are free; leave it out, or compare on a machine with more memory."
            )


def find(name: str, history: str = "visible") -> System:
    """Returns the system of a name.

    Args:
      name: a baseline; a directory that `train` wrote; a shipped configuration; or a JSON file, of training options,
        or of a `baseline` and its parameters, which are then not tuned.
      history: what baselines are shown of each query, one of `questions.HISTORIES`.

    Raises:
      ConfigError: if there is none of that name, or a file holds what its system does not take.
    """
    if name in BASELINES:
        return _baseline(name, name, BASELINES[name].parameter_sets, history)
    if name == SOFTMAX_DNN:
        return _softmax_dnn(name, _SOFTMAX_DNN)
    if model_directory.ModelPaths(name).description.exists():
        return _model_directory(name)
    try:
        options = training_config.read_options(name)
    except job.ConfigError as error:
        known = ", ".join((*BASELINES, SOFTMAX_DNN))
        raise job.ConfigError(
            f"--systems must name baselines ({known}), model directories, shipped configurations or JSON files, but "
            f"{name!r} is none of them."
        ) from error
    try:
        return _of_options(name, options, history)
    except ValueError as error:
        if not job.is_expected(error):
            raise
        raise job.ConfigError(f"--systems={name}: {error}") from error


def _of_options(name: str, options: Mapping[str, Any], history: str) -> System:
    """Returns the system of a file, whose values are checked before any other system is fitted."""
    if _BASELINE_KEY not in options:
        trained.require_options(options)
        return System(name, "two-tower", (options,), True, _fit_two_tower)
    parameters = {key: value for key, value in options.items() if key != _BASELINE_KEY}
    baseline = options[_BASELINE_KEY]
    if baseline == SOFTMAX_DNN:
        trained.require_options(parameters, is_softmax_dnn=True)
        return _softmax_dnn(name, parameters)
    if not isinstance(baseline, str) or baseline not in BASELINES:
        raise job.ConfigError(
            f'"{_BASELINE_KEY}" must be one of {", ".join((*BASELINES, SOFTMAX_DNN))}, but is {baseline!r}.'
        )
    BASELINES[baseline].require_valid(parameters)
    return _baseline(name, baseline, (parameters,), history)


def _baseline(name: str, baseline: str, parameter_sets: tuple[Mapping[str, Any], ...], history: str) -> System:
    chosen = BASELINES[baseline]
    fits = widest_fit.WidestFit(chosen, parameter_sets)

    def fit(
        data: prepared_data.PreparedData, parameters: Mapping[str, Any], seed: int, directory: pathlib.Path
    ) -> questions.Ask:
        fitted = fits.fit(data, parameters, seed)
        return questions.ask_scorer(fitted, data, history)

    return System(name, baseline, parameter_sets, chosen.is_seeded, fit, {"history": history}, chosen.fit_bytes)


def _softmax_dnn(name: str, options: Mapping[str, Any]) -> System:
    def fit(
        data: prepared_data.PreparedData, parameters: Mapping[str, Any], seed: int, directory: pathlib.Path
    ) -> questions.Ask:
        return trained.train_and_ask(data, parameters, seed, directory, is_softmax_dnn=True)

    return System(name, SOFTMAX_DNN, (options,), True, fit)


def _fit_two_tower(
    data: prepared_data.PreparedData, parameters: Mapping[str, Any], seed: int, directory: pathlib.Path
) -> questions.Ask:
    return trained.train_and_ask(data, parameters, seed, directory)


def _model_directory(name: str) -> System:
    def fit(
        data: prepared_data.PreparedData, parameters: Mapping[str, Any], seed: int, directory: pathlib.Path
    ) -> questions.Ask:
        return trained.ask_directory(data, pathlib.Path(name))

    identity = {
        "stamp": model_directory.read_description(name).stamp,
        "checkpoint": model_directory.best_checkpoint_name(name),
    }

    def is_of_other_data(data: prepared_data.PreparedData) -> bool:
        return not model_directory.was_trained_on(name, data)

    return System(name, "model directory", ({},), False, fit, identity, is_of_other_data=is_of_other_data)
