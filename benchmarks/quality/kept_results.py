"""Results that are kept, so that a split is not asked again while code, options and data stay the same."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.quality.answers import Answers
from benchmarks.quality.questions import MAIN
from pipelines import kept_results, model_directory

# What shapes the answers of a trained model, given data and options.
CODE = (
    *model_directory.TRAINING_SOURCES,
    "benchmarks/exact_counts.py",
    "benchmarks/quality/answers.py",
    "benchmarks/quality/questions.py",
    "benchmarks/quality/runs.py",
    "pipelines/kept_results.py",
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a variant or a baseline answered.

    Attributes:
      figures: metrics and counts of the main questions, and by name those of the others.
      ranks: `[num_interactions]` of the main questions, or `None` where queries are asked.
    """

    figures: dict
    ranks: np.ndarray | None


def result_of(answers: Mapping[str, Answers], **about: object) -> Result:
    """Returns the answers to all questions as one result, with what else is to be known about it."""
    others = {name: each.figures for name, each in answers.items() if name != MAIN}
    main = answers.get(MAIN, Answers({}))
    return Result({**main.figures, **others, **about}, main.ranks)


def keep(directory: pathlib.Path, name: str, origin: Mapping, make: Callable[[], Result]) -> Result:
    """Returns the result of that name in a directory if it is of the same origin, else makes and writes it."""

    def make_parts() -> kept_results.Result:
        made = make()
        return kept_results.Result(made.figures, {} if made.ranks is None else {"ranks": made.ranks})

    kept = kept_results.keep(directory, name, origin, make_parts)
    return Result(kept.figures, kept.arrays.get("ranks"))
