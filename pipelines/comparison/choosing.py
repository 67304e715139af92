"""Which of several settings is best on validation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines import job, progress
from tfrs_model.baselines import linear_models

Parameters = Mapping[str, Any]


def choose(
    name: str, parameter_sets: Sequence[Parameters], metric: str, validate: Callable[[Parameters], Mapping[str, float]]
) -> tuple[Parameters, tuple[dict[str, Any], ...]]:
    """Fits each setting and returns the best, the first of equals, with what came of each.

    Args:
      name: what is tuned.
      parameter_sets: the settings, one at least.
      metric: that chooses, among those that `validate` returns.
      validate: fits a setting, and returns what it is worth on validation.

    Returns:
      The setting, and for each of them its parameters with its metrics, or with why the data `refused` it, such as a
      rank above the corpus.

    Raises:
      ConfigError: if the data refuse every setting.
    """
    tried: list[dict[str, Any]] = []
    with progress.progress_bar(len(parameter_sets), f"Tuning {name}", "setting") as bar:
        for parameters in parameter_sets:
            try:
                tried.append({**parameters, **validate(parameters)})
            except linear_models.LinearModelError as error:
                tried.append({**parameters, "refused": str(error)})
            bar.update()
    fitted = [place for place, each in enumerate(tried) if "refused" not in each]
    if not fitted:
        raise job.ConfigError(
            f"None of the {len(parameter_sets)} settings of {name} suits these data; the last one: "
            f"{tried[-1]['refused']} Leave it out of --systems, or give its parameters in a JSON file."
        )
    return parameter_sets[max(fitted, key=lambda place: tried[place][metric])], tuple(tried)
