"""Progressive evaluation: slice after slice, each system is asked for it before it learns from it.

What each system answered to a slice is kept in a file of its own, so that a run that was killed goes on.
"""

import dataclasses
import functools
import pathlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.daily_training import moments
from benchmarks.daily_training.sliced_log import SlicedLog
from pipelines import (
    job,
    kept_results,
    model_directory,
    offline_evaluation,
    prepared_data,
    source_digest,
    train,
    training_config,
    warm_start,
)

# Trained on the start and then on each new slice from yesterday's model; trained on all before the slice; trained on
# the start alone; the counts of all before the slice, and of its last days.
SYSTEMS = ("warm", "retrained", "frozen", "popularity", "recent_popularity")
RECENT_DAYS = 28

_CODE = (
    *model_directory.TRAINING_SOURCES,
    "pipelines/preparation",
    "benchmarks/daily_training/moments.py",
    "benchmarks/daily_training/progressive.py",
    "benchmarks/daily_training/sliced_log.py",
    "benchmarks/quality/sources.py",
)
_MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How models are trained.

    Attributes:
      options: training options of a model that starts afresh.
      warm_options: those in which a run that goes on from another differs.
      replay_days: days before the slice that it trains on again.
    """

    options: Mapping
    warm_options: Mapping
    replay_days: int = 0

    def training(self, is_warm: bool) -> training_config.TrainingConfig:
        """Returns the options of a run."""
        return training_config.training_config({**self.options, **(self.warm_options if is_warm else {})})


def run(
    log: SlicedLog,
    recipe: Recipe,
    systems_of: Callable[[int], Sequence[str]],
    directory: pathlib.Path,
    about: Mapping,
) -> list[dict[str, kept_results.Result]]:
    """Asks every slice of systems that have learned from what is before it.

    Args:
      log: the slices.
      recipe: how models are trained.
      systems_of: returns which of `SYSTEMS` a slice is asked of; `warm` is of all of them, since it goes on from one
        to the next.
      directory: of results and models; what earlier runs with the same options and code have left is not made again.
      about: tells this log from others, as JSON can write it.

    Returns:
      For each slice by system: `recall` and, of those that are trained for it, the wall clock of the whole training
      job, `seconds`, of its epochs, `epoch_seconds`, and `cpu_seconds` of all threads of the job; arrays `is_hit` and
      `owners` over the interactions.
    """
    origin = {**about, **dataclasses.asdict(recipe), "source": source_digest.source_sha256(*_CODE)}
    results = []
    for number in range(1, log.num_slices + 1):
        this = _Slice(log, recipe, number, directory, {**origin, "slice": number})
        with job.stage(f"Slice {number} of {log.num_slices}") as counts:
            results.append({system: this.result(system) for system in systems_of(number)})
            counts.update({system: f"{each.figures['recall']:.4f}" for system, each in results[-1].items()})
        this.clear()
    return results


@dataclasses.dataclass(frozen=True)
class _Slice:
    log: SlicedLog
    recipe: Recipe
    number: int
    directory: pathlib.Path
    origin: Mapping

    def result(self, system: str) -> kept_results.Result:
        """Returns what a system answers, from an earlier run if there is one."""
        return kept_results.keep(
            self.directory / "results", f"{self.number:02d}_{system}", self.origin, lambda: self._ask(system)
        )

    def clear(self) -> None:
        """Removes what no later slice needs."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self.number > 2:
            shutil.rmtree(self._warm_dir(self.number - 1), ignore_errors=True)

    @functools.cached_property
    def _data(self) -> prepared_data.PreparedData:
        return self.log.prepare(self.number, self._folder)

    @functools.cached_property
    def _moments(self) -> moments.Moments:
        return moments.moments_of(self._data)

    @property
    def _folder(self) -> pathlib.Path:
        return self.directory / f"slice_{self.number:02d}"

    def _warm_dir(self, number: int) -> pathlib.Path:
        return self.directory / "warm" / f"{number:02d}"

    def _ask(self, system: str) -> kept_results.Result:
        if system in ("warm", "retrained"):
            figures, is_hit = self._train_and_ask(system)
        elif system == "frozen":
            figures, is_hit = {}, self._hits_of(self._warm_dir(1))
        else:
            counts = self._data.training_counts() if system == "popularity" else _recent_counts(self._data)
            figures, is_hit = {}, self._moments.is_hit_by_counts(counts)
        figures = {"recall": float(is_hit.mean()), "num_interactions": len(is_hit), **figures}
        return kept_results.Result(figures, {"is_hit": is_hit, "owners": self._moments.owners})

    def _train_and_ask(self, system: str) -> tuple[dict, np.ndarray]:
        start, model_dir = None, self._folder / "model"
        if system == "warm":
            model_dir = self._warm_dir(self.number)
            if self.number > 1:
                before, replay_days = str(self._warm_dir(self.number - 1)), self.recipe.replay_days
                start = warm_start.WarmStartConfig(before, replay_days=replay_days)
        training, prepared_dir = self.recipe.training(start is not None), str(self._data.paths.directory)
        cpu = time.process_time()
        # A run that was killed is begun again, or its seconds would be those of a part of it.
        trained = train.run(train.TrainJobConfig(prepared_dir, str(model_dir), training, False, start))
        figures = {
            "seconds": trained.seconds,
            "epoch_seconds": sum(record["seconds"] for record in trained.history),
            "cpu_seconds": time.process_time() - cpu,
            "num_steps": trained.num_steps,
            "new_candidates": trained.vocabularies["candidate_id"]["new"],
        }
        return figures, self._hits_of(model_dir)

    def _hits_of(self, model_dir: pathlib.Path) -> np.ndarray:
        name = model_directory.best_checkpoint_name(model_dir)
        return self._moments.is_hit_by(offline_evaluation.Embedder.of_directory(model_dir, name, self._data))


def _recent_counts(data: prepared_data.PreparedData) -> np.ndarray:
    """Returns `[num_candidates]` training interactions of the last days."""
    examples = data.examples("train")
    is_recent = examples.timestamps > examples.timestamps.max() - RECENT_DAYS * _MICROSECONDS_PER_DAY
    return np.bincount(examples.candidate_rows[is_recent], minlength=data.corpus.num_rows)
