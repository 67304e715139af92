"""The options of a training run, from defaults and a configuration file; the flags of `train` come on top."""

import dataclasses
import importlib.resources
import pathlib
import types
import typing
from typing import Any

from pipelines import artifacts, job, offline_evaluation
from tfrs_model import model_config, optimizers

EARLY_STOP_METRICS = (
    "recall_at_10",
    "recall_at_20",
    "recall_at_50",
    "recall_at_100",
    "ndcg_at_10",
    "ndcg_at_20",
    "mrr",
)


_PARTS = {"model": model_config.ModelConfig, "optimization": optimizers.OptimizerConfig}


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained; the defaults suit a small log.

    Attributes:
      model: the model's options.
      optimization: the optimizer's options.
      batch_size: positives per step, >= 2.
      every_position: whether a batch is made of stretches of histories, each read once with every position in it a
        positive, about `batch_size` of them together; else each positive brings its own history.
      steps_per_execution: steps that run between two returns to Python, >= 1; no number depends on it.
      num_epochs: at most, >= 1.
      early_stop_patience: epochs without improvement, 0 for never.
      early_stop_metric: the validation metric that is watched.
      ask_per: whether validation asks one question per `interaction`, or one per `query` with all that it chose in
        the split as targets.
      seed: of every random draw, >= 0.
    """

    model: model_config.ModelConfig = dataclasses.field(default_factory=model_config.ModelConfig)
    optimization: optimizers.OptimizerConfig = dataclasses.field(default_factory=optimizers.OptimizerConfig)
    batch_size: int = 1024
    every_position: bool = False
    steps_per_execution: int = 1
    num_epochs: int = 20
    early_stop_patience: int = 3
    early_stop_metric: str = "recall_at_10"
    ask_per: str = "interaction"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, allowed, rule in (
            ("batch_size", self.batch_size >= 2, ">= 2, since in-batch negatives are the other positives"),
            ("steps_per_execution", self.steps_per_execution >= 1, ">= 1"),
            ("num_epochs", self.num_epochs >= 1, ">= 1"),
            ("early_stop_patience", self.early_stop_patience >= 0, ">= 0"),
            (
                "early_stop_metric",
                self.early_stop_metric in EARLY_STOP_METRICS,
                f"one of {', '.join(EARLY_STOP_METRICS)}",
            ),
            (
                "ask_per",
                self.ask_per in offline_evaluation.ASK_PER,
                f"one of {', '.join(offline_evaluation.ASK_PER)}",
            ),
            ("seed", 0 <= self.seed < 2**31, "in [0, 2**31)"),
        ):
            if not allowed:
                raise job.ConfigError(f"--{name} must be {rule}, but is {getattr(self, name)!r}.")
        if self.every_position and self.model.history_length < 2:
            raise job.ConfigError(
                f"--every_position reads histories in stretches of --history_length, which must be 2 or more, but is "
                f"{self.model.history_length}."
            )

    def shaping_options(self) -> dict[str, Any]:
        """Returns what shapes the weights besides the model and the seed; a resumed run may not change it."""
        names = ("batch_size", "every_position", "early_stop_metric", "ask_per")
        return {**dataclasses.asdict(self.optimization), **{name: getattr(self, name) for name in names}}


def training_config(options: dict[str, Any]) -> TrainingConfig:
    """Returns the configuration with the given options, named like the flags, over the defaults.

    Raises:
      ConfigError: on an unknown option or a value of the wrong kind.
      ModelConfigError: on a model option out of its range.
      OptimizerConfigError: on an optimizer option out of its range.
    """
    kinds, known = _kinds_by_part(), option_kinds()
    if unknown := sorted(set(options) - set(known)):
        raise job.ConfigError(f"Unknown training option {unknown[0]!r}; known are {', '.join(sorted(known))}.")
    typed = {name: _typed(name, value, known[name]) for name, value in options.items()}

    def of_part(part: str) -> dict[str, Any]:
        return {name: value for name, value in typed.items() if name in kinds[part]}

    return TrainingConfig(**{part: cls(**of_part(part)) for part, cls in _PARTS.items()}, **of_part(""))


def option_kinds() -> dict[str, Any]:
    """Returns the annotated type of every option, by the name of its flag."""
    return {name: kind for of_part in _kinds_by_part().values() for name, kind in of_part.items()}


def _kinds_by_part() -> dict[str, dict[str, Any]]:
    kinds = {part: {field.name: field.type for field in dataclasses.fields(cls)} for part, cls in _PARTS.items()}
    own = {field.name: field.type for field in dataclasses.fields(TrainingConfig) if field.name not in _PARTS}
    return {**kinds, "": own}


def default_options() -> dict[str, Any]:
    """Returns every option, named like its flag, with the value it has where nothing is given."""
    return all_options(TrainingConfig())


def all_options(config: TrainingConfig) -> dict[str, Any]:
    """Returns every option of a configuration, named like its flag."""
    options = dataclasses.asdict(config)
    return {**options.pop("model"), **options.pop("optimization"), **options}


def read_options(name_or_path: str) -> dict[str, Any]:
    """Reads a configuration file, by path or by the name of a shipped one.

    Raises:
      ConfigError: if there is no such file, or it is not a JSON object.
    """
    path = pathlib.Path(name_or_path)
    shipped = importlib.resources.files("pipelines") / "configs" / f"{name_or_path}.json"
    if not path.is_file():
        if not shipped.is_file():
            raise job.ConfigError(
                f"--config={name_or_path} is neither a file nor a shipped configuration; "
                f"shipped are {', '.join(_shipped_names())}."
            )
        path = shipped
    options = artifacts.read_json(path)
    if not isinstance(options, dict):
        raise job.ConfigError(f"--config={name_or_path} must hold a JSON object, but holds a {type(options).__name__}.")
    return options


def _shipped_names() -> list[str]:
    folder = importlib.resources.files("pipelines") / "configs"
    names = [entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json")]
    return sorted(name for name in names if not name.endswith("_schema"))


def _typed(name: str, value: Any, kind: type | types.UnionType) -> Any:
    if isinstance(kind, types.UnionType):
        (kind,) = (each for each in typing.get_args(kind) if each is not types.NoneType)
        if value is None:
            return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind == tuple[int, ...] and isinstance(value, list | tuple):
        try:
            return tuple(_whole(unit) for unit in value)
        except ValueError as error:
            raise job.ConfigError(f"--{name} must be whole numbers separated by commas, but is {value!r}.") from error
    if kind in (int, float, bool, str) and type(value) is kind:
        return value
    raise job.ConfigError(f"--{name} must be of kind {getattr(kind, '__name__', kind)}, but is {value!r}.")


def _whole(value: Any) -> int:
    """Returns an integer, or the one that digits spell; nothing is rounded."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)
