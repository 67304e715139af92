"""The trials of one search: kept in Optuna's SQLite file, each drawn by its place in the search alone.

SQLite, since a process that is killed in a transaction leaves it undone; Optuna's journal file may be left with a lock
and half a line.
"""

import dataclasses
import os
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any

import optuna

from pipelines.tuning.search_space import SearchSpace
from tfrs_model import seeds

OUTCOMES = ("finished", "pruned", "diverged", "refused", "killed")
_OUTCOME, _ABOUT, _SET_ASIDE = "outcome", "about", "set aside"
_STUDY = "tune"


@dataclasses.dataclass(frozen=True)
class Trial:
    """What became of one configuration.

    Attributes:
      number: its place in the search, from 1.
      outcome: one of `OUTCOMES`.
      metric: the highest of all epochs, or `None` where the trial was not finished.
      options: those that were searched.
      about: what else is to be known of it, such as its best epoch.
    """

    number: int
    outcome: str
    metric: float | None
    options: dict[str, Any]
    about: dict[str, Any]


class Trials:
    """The trials of one search, those of earlier runs among them.

    A trial that was killed is marked as failed and counts for nothing, so the next one is drawn as it was; who draws
    it asks `num_kills` whether that goes on without end. Draws are by the seed and the number of trials that came to an
    end, and by what those came to.

    Args:
      path: of the SQLite file, made if need be.
      space: what is drawn from.
      first: options of the first trial.
      seed: of all draws.
      pruner: says which trials are given up.
    """

    def __init__(
        self,
        path: pathlib.Path,
        space: SearchSpace,
        first: Mapping[str, Any],
        seed: int,
        pruner: optuna.pruners.BasePruner,
    ):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._first, self._seed = space, first, seed
        _make_file(path)
        self._storage = optuna.storages.RDBStorage(_url(path))
        self._study = optuna.load_study(study_name=_STUDY, storage=self._storage, pruner=pruner)
        for trial in self._frozen(optuna.trial.TrialState.RUNNING):
            self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def close(self) -> None:
        """Lets go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    @property
    def num_interrupted(self) -> int:
        """How often a trial was killed, or left because time was up, and tried again."""
        return len(self._frozen(optuna.trial.TrialState.FAIL))

    def ended(self) -> list[Trial]:
        """Returns the trials that came to an end, in their order."""
        frozen = self._frozen(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        return [_described(number, each) for number, each in enumerate(frozen, start=1)]

    def best(self) -> Trial | None:
        """Returns the finished trial of the highest metric, the earliest of those that are alike."""
        finished = [each for each in self.ended() if each.outcome == "finished"]
        return max(finished, key=lambda each: (each.metric, -each.number), default=None)

    def draw(self) -> tuple[optuna.Trial, dict[str, Any]]:
        """Begins the next trial; returns it with the options that it is to take."""
        num_ended = len(self.ended())
        parameters = self._space.parameters(self._first)
        if num_ended == 0 and parameters is not None and not self._frozen(optuna.trial.TrialState.WAITING):
            self._study.enqueue_trial(parameters)
        seed = seeds.derive_seed(self._seed, f"tune/{num_ended}")
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        trial = self._study.ask()
        return trial, self._space.suggest(trial)

    def num_kills(self, trial: optuna.Trial) -> int:
        """Returns how often in a row the process was killed in this configuration before it finished another epoch."""
        num_kills = num_epochs = 0
        for attempt in self._frozen(optuna.trial.TrialState.FAIL):
            if attempt.params == trial.params and _SET_ASIDE not in attempt.user_attrs:
                reported = len(attempt.intermediate_values)
                num_kills = 0 if reported > num_epochs else num_kills + 1
                num_epochs = max(num_epochs, reported)
        return num_kills

    def set_aside(self, trial: optuna.Trial) -> None:
        """Writes that a trial was left on purpose, to be gone on with; one that was killed is left without."""
        trial.set_user_attr(_SET_ASIDE, True)

    def end(
        self, trial: optuna.Trial, outcome: str, metric: float | None, options: dict[str, Any], **about: object
    ) -> None:
        """Writes what became of a trial; `metric` is `None` unless it was finished."""
        trial.set_user_attr(_OUTCOME, outcome)
        trial.set_user_attr(_ABOUT, {"options": options, **about})
        # Written last: until then the trial counts as killed.
        if outcome == "finished":
            self._study.tell(trial, metric)
        else:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)

    def _frozen(self, *states: optuna.trial.TrialState) -> list[optuna.trial.FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)


def _described(number: int, frozen: optuna.trial.FrozenTrial) -> Trial:
    about = dict(frozen.user_attrs[_ABOUT])
    outcome = frozen.user_attrs[_OUTCOME]
    return Trial(number, outcome, frozen.value if outcome == "finished" else None, about.pop("options"), about)


def _make_file(path: pathlib.Path) -> None:
    """Makes the file whole or not at all: its tables are not made in one transaction."""
    if path.exists():
        return
    building = path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}"
    storage = optuna.storages.RDBStorage(_url(building))
    optuna.create_study(study_name=_STUDY, storage=storage, direction="maximize")
    storage.remove_session()
    storage.engine.dispose()
    os.replace(building, path)


def _url(path: pathlib.Path) -> str:
    return f"sqlite:///{path.resolve()}"
