"""Which options are searched, read from JSON and checked before anything is trained.

    {
      "learning_rate": {"low": 0.0005, "high": 0.02, "log": true},
      "history_length": {"low": 10, "high": 100, "step": 10},
      "embedding_dim": {"choices": [32, 64]},
      "history": {"choices": [{"history_encoder": "mean"}, {"history_encoder": "gru", "history_layers": 1}]}
    }

Options that only go together are one dimension of a free name, whose choices are objects of options.
"""

import dataclasses
import importlib.resources
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

import optuna

from pipelines import artifacts, job, training_config

# Two trials that differ in one of these answer different questions, or the same one with other luck.
_NEVER_SEARCHED = ("seed", "early_stop_metric", "ask_per", "steps_per_execution")
_RANGE_KEYS = ("low", "high", "log", "step")


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
      name: of the option.
      low: the least.
      high: the most, above `low`.
      log: whether the logarithm is drawn evenly, else the number.
      step: distance between two numbers from `low` on, or `None` for every one.
      is_whole: whether the option takes whole numbers.
    """

    name: str
    low: float
    high: float
    log: bool
    step: float | None
    is_whole: bool

    def settings(self) -> tuple[dict[str, Any], ...]:
        """Returns the options at both ends."""
        return {self.name: self.low}, {self.name: self.high}

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Returns the options that a trial is to take."""
        if self.is_whole:
            return {self.name: trial.suggest_int(self.name, self.low, self.high, log=self.log, step=self.step or 1)}
        return {self.name: trial.suggest_float(self.name, self.low, self.high, log=self.log, step=self.step)}

    def parameter(self, options: Mapping[str, Any]) -> Any:
        """Returns what `suggest` would have to draw for these options, or `None` if it cannot."""
        value = options[self.name]
        if value is None or not self.low <= value <= self.high:
            return None
        steps = (value - self.low) / self.step if self.step else 0.0
        return value if math.isclose(steps, round(steps), abs_tol=1e-9) else None


@dataclasses.dataclass(frozen=True)
class Choices:
    """Values of one option, or sets of values of several.

    Attributes:
      name: of the option, or of the set.
      values: what is chosen from, each an object of options.
    """

    name: str
    values: tuple[dict[str, Any], ...]

    def settings(self) -> tuple[dict[str, Any], ...]:
        """Returns the options of every choice."""
        return self.values

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Returns the options that a trial is to take."""
        labels = [_label(each) for each in self.values]
        return self.values[labels.index(trial.suggest_categorical(self.name, labels))]

    def parameter(self, options: Mapping[str, Any]) -> Any:
        """Returns what `suggest` would have to draw for these options, or `None` if it cannot."""
        fitting = [each for each in self.values if _label(each) == _label({name: options[name] for name in each})]
        return _label(fitting[0]) if fitting else None


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """What is searched.

    Attributes:
      dimensions: drawn one by one; no option is in two of them.
    """

    dimensions: tuple[Range | Choices, ...]

    @property
    def option_names(self) -> tuple[str, ...]:
        """Every option that is searched, in the order of the file."""
        return tuple(name for dimension in self.dimensions for name in dimension.settings()[0])

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Returns the options that a trial is to take."""
        return {name: value for each in self.dimensions for name, value in each.suggest(trial).items()}

    def parameters(self, options: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns what `suggest` would have to draw for these options, or `None` if they lie outside."""
        everything = training_config.all_options(training_config.training_config(dict(options)))
        drawn = {each.name: each.parameter(everything) for each in self.dimensions}
        return None if None in drawn.values() else drawn

    def as_json(self) -> list[dict]:
        """Returns what tells this space from another one."""
        return [dataclasses.asdict(dimension) for dimension in self.dimensions]


def read_search_space(path: str | None, options: Mapping[str, Any]) -> SearchSpace:
    """Returns the space in a JSON file, or the one that is shipped where no file is named.

    Args:
      path: of the file, or empty.
      options: those that every trial starts from; each value of the space must go with them.

    Raises:
      ArtifactError: if the file is missing or is not JSON.
      ConfigError: if it is no search space; the message names dimension, rule and remedy.
    """
    shipped = importlib.resources.files("pipelines") / "tuning" / "search_space.json"
    return search_space(artifacts.read_json(path or shipped), options)


def search_space(raw: Any, options: Mapping[str, Any]) -> SearchSpace:
    """Returns the space that a JSON object describes; arguments and errors as `read_search_space`."""
    if not isinstance(raw, dict) or not raw:
        raise job.ConfigError(
            f'--search_space must hold a JSON object such as {{"dropout": {{"low": 0, "high": 0.5}}}}, but is {raw!r}.'
        )
    space = SearchSpace(tuple(_dimension(name, each) for name, each in raw.items()))
    names = space.option_names
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise job.ConfigError(
            f"--search_space must have an option in one dimension only, but {repeated[0]!r} is in two; leave out one."
        )
    for dimension in space.dimensions:
        for setting in dimension.settings():
            _require_trainable(dimension.name, setting, options)
    return space


def _dimension(name: str, raw: Any) -> Range | Choices:
    if not isinstance(raw, dict) or not ({"choices"} == raw.keys() or {"low", "high"} <= raw.keys()):
        raise _refused(name, 'must be an object with "choices", or with "low" and "high"', raw)
    return _choices(name, raw["choices"]) if "choices" in raw else _range(name, raw)


def _choices(name: str, raw: Any) -> Choices:
    if not isinstance(raw, list) or len(raw) < 2:
        raise _refused(name, "must have a list of two choices or more; one alone is given as a flag", raw)
    are_sets = [isinstance(each, dict) for each in raw]
    if any(are_sets) and not all(are_sets):
        raise _refused(name, "must have values or objects of options as choices, not both", raw)
    values = tuple(raw) if all(are_sets) else tuple({name: each} for each in raw)
    if not values[0] or any(each.keys() != values[0].keys() for each in values):
        raise _refused(name, "must have choices that set the same options, one at least", raw)
    values = tuple({option: _as_kind(name, option, value) for option, value in each.items()} for each in values)
    if len({_label(each) for each in values}) < len(values):
        raise _refused(name, "must have choices that differ", raw)
    return Choices(name, values)


def _range(name: str, raw: Mapping[str, Any]) -> Range:
    if unknown := sorted(raw.keys() - set(_RANGE_KEYS)):
        raise _refused(name, f"may have {', '.join(_RANGE_KEYS)}, but not {unknown[0]!r}", dict(raw))
    kind = _kind(name, name)
    if kind not in (int, float):
        raise _refused(name, f'must have "choices", since --{name} takes no number', dict(raw))
    numbers = [raw["low"], raw["high"], *([raw["step"]] if raw.get("step") is not None else [])]
    if not all(_is_number(each, kind) for each in numbers):
        which = "whole numbers" if kind is int else "finite numbers"
        raise _refused(name, f"must have {which} as low, high and step", dict(raw))
    low, high, *step = (kind(each) for each in numbers)
    if not low < high:
        raise _refused(name, "must have a low below its high, else nothing is left to search", dict(raw))
    log = raw.get("log", False)
    if not isinstance(log, bool) or (log and (low <= 0 or step)):
        raise _refused(name, "may have a log of true or false, true with a low above 0 and without a step", dict(raw))
    if step and not 0 < step[0] <= high - low:
        raise _refused(name, "must have a step above 0 that fits between low and high", dict(raw))
    return Range(name, low, high, log, step[0] if step else None, kind is int)


def _kind(name: str, option: str) -> Any:
    """Returns the type of an option, without the `None` that it may also be.

    Raises:
      ConfigError: if there is no such option, or it is never searched.
    """
    known = training_config.option_kinds()
    if option not in known or option in _NEVER_SEARCHED:
        searched = ", ".join(sorted(known.keys() - set(_NEVER_SEARCHED)))
        why = "is the same in every trial" if option in _NEVER_SEARCHED else "is no training option"
        raise job.ConfigError(f"--search_space: {name!r}: {option!r} {why}; searched may be {searched}.")
    kind = known[option]
    if isinstance(kind, types.UnionType):
        (kind,) = (each for each in typing.get_args(kind) if each is not types.NoneType)
    return kind


def _as_kind(name: str, option: str, value: Any) -> Any:
    """Returns a whole number that was given for an option of any numbers as one of those, all else as it is."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if _kind(name, option) is float and is_whole else value


def _is_number(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) if kind is int else isinstance(value, int | float) and math.isfinite(value)


def _require_trainable(name: str, setting: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    try:
        training_config.training_config({**options, **setting})
    except ValueError as error:
        if not job.is_expected(error):
            raise
        raise job.ConfigError(
            f"--search_space: {name!r} with {_label(setting)} above the other options is refused: {error} Options that "
            "only go together are one dimension, whose choices are objects of options."
        ) from error


def _refused(name: str, rule: str, raw: Any) -> job.ConfigError:
    return job.ConfigError(f"--search_space: {name!r} {rule}, but is {json.dumps(raw)}.")


def _label(setting: Mapping[str, Any]) -> str:
    """Returns options as text, lists and tuples alike."""
    return json.dumps(dict(setting), sort_keys=True)
