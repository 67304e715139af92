"""The baselines by name, each with the parameters that validation chooses from."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from pipelines import job, progress
from tfrs_model.baselines import (
    co_occurrence,
    ease,
    interaction_spectrum,
    interactions,
    linear_autoencoder,
    own_frequency,
    popularity,
    recent_popularity,
    scorer,
    weighted_als,
)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """One that is fitted on rows alone.

    Attributes:
      build: returns it, given parameters; it has `fit`.
      choices: by parameter, the values that are tried, all with all; the first are taken where there is no validation.
      is_seeded: whether it draws at random, and takes a `seed`.
      num_steps: how many steps a fit of what was built makes, which is then told of each; `None` where it is short.
      fit_bytes: the memory that a fit takes, given the number of candidates, where it grows with its square.
      cut_by: a parameter whose smaller values are a `cut` of what is fitted with a larger one; `None` if there is none.
    """

    build: Callable[..., Any]
    choices: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    is_seeded: bool = False
    num_steps: Callable[[Any, interactions.Interactions], int] | None = None
    fit_bytes: Callable[[int], int] = lambda num_candidates: 0
    cut_by: str | None = None

    @property
    def parameter_sets(self) -> tuple[dict[str, Any], ...]:
        """Every combination of the choices."""
        return tuple(
            dict(zip(self.choices, values, strict=True)) for values in itertools.product(*self.choices.values())
        )

    def require_valid(self, parameters: Mapping[str, Any]) -> None:
        """Checks parameters before anything is fitted.

        Raises:
          ConfigError: if there is no such parameter, one is missing, or a value is of another kind.
          ValueError: of the baseline, if a value is out of its range.
        """
        name = self.build.__name__
        fields = {field.name: field for field in dataclasses.fields(self.build) if field.name != "seed"}
        if unknown := [each for each in parameters if each not in fields]:
            raise job.ConfigError(f"{name} has no parameter {unknown[0]!r}; it has {', '.join(fields) or 'none'}.")
        needed = [each for each, field in fields.items() if field.default is dataclasses.MISSING]
        if missing := [each for each in needed if each not in parameters]:
            raise job.ConfigError(f"{name} needs {' and '.join(missing)}; add what is missing to the JSON file.")
        for each, value in parameters.items():
            kind = fields[each].type
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise job.ConfigError(f"{each} of {name} must be of kind {kind.__name__}, but is {value!r}.")
        self.build(**parameters)

    def fit(self, log: interactions.Interactions, parameters: Mapping[str, Any], seed: int) -> scorer.Scorer:
        """Returns what answers; shows how far it is where it makes steps."""
        built = self.build(**parameters, **({"seed": seed} if self.is_seeded else {}))
        if self.num_steps is None:
            return built.fit(log)
        with progress.progress_bar(self.num_steps(built, log), f"Fitting {self.build.__name__}", "step") as bar:
            return built.fit(log, bar.update)


BASELINES = {
    "popularity": Baseline(popularity.Popularity),
    "recent_popularity": Baseline(recent_popularity.RecentPopularity, {"num_days": (28, 7, 90, 180)}),
    "own_frequency": Baseline(own_frequency.OwnFrequency),
    "co_occurrence": Baseline(
        co_occurrence.CoOccurrence,
        {"normalisation": ("cosine", "jaccard", "conditional"), "num_neighbours": (50, 20, 100, 200)},
        num_steps=lambda built, log: int((log.counts > 0).sum()),
        cut_by="num_neighbours",
    ),
    "als": Baseline(
        weighted_als.WeightedAls,
        {
            "embedding_dim": (64, 32),
            "unobserved_weight": (0.3, 0.1, 1.0),
            "regularization": (3.0, 1.0, 10.0),
            "folds_in": (False, True),
        },
        is_seeded=True,
        num_steps=lambda built, log: built.num_sweeps,
    ),
    "ease": Baseline(
        ease.EaseR,
        {"penalty": (500.0, 50.0, 100.0, 200.0, 1000.0, 2000.0, 5000.0, 10000.0, 20000.0)},
        fit_bytes=ease.fit_bytes,
    ),
    "linear_product": Baseline(
        linear_autoencoder.LinearAutoencoder,
        {"objective": ("product",), "penalty": (300.0, 30.0, 100.0, 1000.0, 3000.0), "rank": (128, 32, 64)},
        fit_bytes=interaction_spectrum.spectrum_bytes,
    ),
    "linear_factors": Baseline(
        linear_autoencoder.LinearAutoencoder,
        {"objective": ("factors",), "penalty": (10.0, 1.0, 3.0, 20.0), "rank": (128, 32, 64)},
        fit_bytes=interaction_spectrum.spectrum_bytes,
    ),
}
