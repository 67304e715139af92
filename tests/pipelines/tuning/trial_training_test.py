import math

import optuna
import pytest
import tensorflow as tf

from pipelines import train, training_state
from pipelines.tuning.paths import TuningPaths
from pipelines.tuning.trial_training import TrialTraining
from tests.pipelines import conftest

_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 1}


@pytest.fixture
def training(line, tmp_path):
    return TrialTraining(line.prepared_dir, TuningPaths(tmp_path), _OPTIONS, math.inf)


@pytest.fixture
def trial():
    return optuna.create_study(direction="maximize").ask()


def test_a_loss_that_is_no_number_is_an_outcome_with_its_sentence(training, trial, monkeypatch):
    def diverge(config, is_hopeless):
        raise training_state.TrainingDivergedError("The loss of epoch 1 is nan.")

    monkeypatch.setattr(train, "run", diverge)
    ended = training.run(trial, {})
    assert (ended.outcome, ended.metric, ended.about) == ("diverged", None, {"reason": "The loss of epoch 1 is nan."})


@pytest.mark.parametrize(
    ("drawn", "sentence"),
    [
        ({"schedule": "cosine", "decay_steps": 3}, "the learning rate is 0 from step --decay_steps=3 on"),
        ({"history_encoder": "self_attention", "history_heads": 3}, "history_heads must divide embedding_dim=16"),
        ({"schedule": "cosine", "decay_steps": 0}, "decay_steps"),
    ],
)
def test_a_combination_that_is_refused_is_an_outcome_with_its_sentence(training, trial, drawn, sentence):
    ended = training.run(trial, drawn)
    assert (ended.outcome, ended.metric) == ("refused", None)
    assert sentence in ended.about["reason"]


@pytest.mark.parametrize(
    ("error", "name"),
    [(tf.errors.ResourceExhaustedError(None, None, "OOM"), "ResourceExhaustedError"), (MemoryError(), "MemoryError")],
)
def test_memory_that_does_not_suffice_is_an_outcome(training, trial, monkeypatch, error, name):
    def exhaust(config, is_hopeless):
        raise error

    monkeypatch.setattr(train, "run", exhaust)
    ended = training.run(trial, {})
    assert (ended.outcome, ended.metric) == ("killed", None)
    assert ended.about == {"reason": f"Memory did not suffice ({name})."}


def test_a_defect_is_no_outcome(training, trial, monkeypatch):
    def defect(config, is_hopeless):
        raise ValueError("not expected")

    monkeypatch.setattr("pipelines.train.run", defect)
    with pytest.raises(ValueError, match="not expected"):
        training.run(trial, {})


def test_every_epoch_is_reported_once_and_the_best_one_counts(training, trial, monkeypatch):
    recalls = [0.1, 0.3, 0.2]
    history = [
        {"epoch": epoch, "seconds": 1.5, "validation": {"recall_at_10": recall}}
        for epoch, recall in enumerate(recalls, start=1)
    ]

    def planted(config, is_hopeless):
        # A resumed run is told of two epochs at once.
        assert not any(is_hopeless(history[:number]) for number in (2, 3))
        return train.TrainResult(history, 2, 0.0, 0)

    monkeypatch.setattr(train, "run", planted)
    ended = training.run(trial, {"num_epochs": 3})
    assert trial.study.trials[0].intermediate_values == {1: 0.1, 2: 0.3, 3: 0.2}
    assert (ended.outcome, ended.metric) == ("finished", 0.3)
    assert ended.about == {"best_epoch": 2, "num_epochs": 3, "seconds": 4.5}
