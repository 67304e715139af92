"""What systems answer: fitted, tuned on validation, asked, and kept, so that nothing of it is done twice."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from pipelines import (
    artifacts,
    job,
    kept_results,
    model_directory,
    offline_evaluation,
    prepared_data,
    progress,
    source_digest,
)
from pipelines.comparison import choosing, figures, systems
from tfrs_model import ranking

_OWN_CODE = ("pipelines/comparison", "pipelines/kept_results.py")

# Called with the name of a system, a seed and a split before the split is looked at.
BeforeAsking = Callable[[str, int, str], None]


@dataclasses.dataclass(frozen=True)
class Answered:
    """What one system answered to the questions of a split.

    Attributes:
      system: which.
      parameters: those that were taken, of several the best on validation.
      on_validation: each parameter set with the metric that chose among them, or why it was `refused`; empty where
        nothing was chosen.
      answers: one for each seed.
    """

    system: systems.System
    parameters: Mapping[str, Any]
    on_validation: tuple[dict[str, Any], ...]
    answers: tuple[ranking.Ranking, ...]


class Examiner:
    """Asks systems the same questions.

    Args:
      data: what they are fitted on and asked from.
      ask_per: `interaction` or `query`.
      metric: what chooses among parameters, on validation.
      work_dir: where models and answers are kept.
      before_asking: told of each look at a split.
    """

    def __init__(
        self,
        data: prepared_data.PreparedData,
        ask_per: str,
        metric: str,
        work_dir: pathlib.Path,
        before_asking: BeforeAsking,
    ):
        self._data = data
        self._ask_per = ask_per
        self._metric = metric
        self._work_dir = work_dir
        self._before_asking = before_asking
        self._source = [model_directory.training_source_sha256(), source_digest.source_sha256(*_OWN_CODE)]
        self._questions: dict[str, offline_evaluation.Questions] = {}

    def questions(self, split: str) -> offline_evaluation.Questions:
        """Returns the questions of a split.

        Raises:
          PreparedDataError: if none is left to ask.
        """
        if split not in self._questions:
            self._questions[split] = offline_evaluation.require_questions(self._data, split, self._ask_per)
        return self._questions[split]

    def examine(self, system: systems.System, num_seeds: int, split: str) -> Answered:
        """Tunes a system that has a choice, asks it with each seed if it has seeds, and returns what it answered.

        Raises:
          ConfigError: if the data refuse every setting.
        """
        parameters, tried = self._tune(system)
        answers = (self._ask(system, parameters, seed, split) for seed in self._seeds(system, num_seeds))
        return Answered(system, parameters, tried, tuple(answers))

    def is_answered(self, system: systems.System, num_seeds: int, split: str) -> bool:
        """Returns whether all that a system is asked is kept, so that nothing of it has to be fitted."""
        sets = system.parameter_sets
        if self._is_tuned(system) and not all(self._is_kept(system, each, 0, "validation") for each in sets):
            return False
        parameters, _ = self._tune(system)
        return all(self._is_kept(system, parameters, seed, split) for seed in self._seeds(system, num_seeds))

    def _seeds(self, system: systems.System, num_seeds: int) -> range:
        return range(num_seeds if system.is_seeded else 1)

    def _is_tuned(self, system: systems.System) -> bool:
        return len(system.parameter_sets) > 1 and self._data.has_split("validation")

    def _tune(self, system: systems.System) -> tuple[Mapping[str, Any], tuple[dict[str, Any], ...]]:
        sets = system.parameter_sets
        if not self._is_tuned(system):
            return sets[0], ()

        def validate(parameters: Mapping[str, Any]) -> dict[str, float]:
            return {self._metric: figures.mean_of(self._ask(system, parameters, 0, "validation"), self._metric)}

        return choosing.choose(system.name, sets, self._metric, validate)

    def _ask(self, system: systems.System, parameters: Mapping[str, Any], seed: int, split: str) -> ranking.Ranking:
        place = self._place(system, parameters, seed, split)

        def make() -> kept_results.Result:
            questions = self.questions(split)
            with job.stage(f"Fitting {system.name}, seed {seed}"):
                ask = system.fit(self._data, parameters, seed, place["directory"])
            self._before_asking(system.name, seed, split)
            with progress.progress_bar(len(questions.examples), f"Asking {system.name} for {split}", "question") as bar:
                ranked = ask(questions, bar.update)
            return kept_results.Result({}, vars(ranked))

        return ranking.Ranking(**kept_results.keep(**place, make=make).arrays)

    def _is_kept(self, system: systems.System, parameters: Mapping[str, Any], seed: int, split: str) -> bool:
        return kept_results.read(**self._place(system, parameters, seed, split)) is not None

    def _place(self, system: systems.System, parameters: Mapping[str, Any], seed: int, split: str) -> dict[str, Any]:
        """Returns directory, name and origin of what a system answers."""
        shaping = {"kind": system.kind, "parameters": parameters, "seed": seed, **system.identity}
        number = artifacts.sha256_of_json(kept_results.as_json(shaping))[:16]
        return {
            "directory": self._work_dir / pathlib.Path(system.name).stem / number,
            "name": f"{split}_{self._ask_per}",
            "origin": {**shaping, "ask_per": self._ask_per, "data": self._data.manifest_sha256, "source": self._source},
        }
