"""Searches of a known function, without any training."""

import contextlib

import optuna
import pytest

from pipelines.tuning import search_space, trials

_RAW = {"dropout": {"low": 0.0, "high": 0.9}, "embedding_dim": {"choices": [8, 16]}}
_NEVER = optuna.pruners.NopPruner()


def _open(path, first=None, seed=0, raw=_RAW):
    space = search_space.search_space(raw, {})
    return contextlib.closing(trials.Trials(path, space, first or {"dropout": 0.5, "embedding_dim": 8}, seed, _NEVER))


def _value(options):
    # Highest at .2 with 16.
    return -((options["dropout"] - 0.2) ** 2) + (options["embedding_dim"] == 16)


def _search(path, count, **arguments):
    """Draws and ends this many trials; returns the options of each."""
    with _open(path, **arguments) as kept:
        for _ in range(count):
            trial, options = kept.draw()
            kept.end(trial, "finished", _value(options), options, best_epoch=1)
        return [each.options for each in kept.ended()]


def test_the_first_trial_is_the_configuration_that_the_search_starts_from(tmp_path):
    assert _search(tmp_path / "trials", 1) == [{"dropout": 0.5, "embedding_dim": 8}]


def test_a_configuration_outside_the_space_is_no_trial(tmp_path):
    (drawn,) = _search(tmp_path / "trials", 1, first={"dropout": 0.5, "embedding_dim": 32})
    assert drawn["embedding_dim"] in (8, 16)


def test_the_search_finds_the_planted_optimum(tmp_path):
    _search(tmp_path / "trials", 24)
    with _open(tmp_path / "trials") as kept:
        best = kept.best()
    assert best.options["embedding_dim"] == 16
    # 24 even draws have one of 16 within .03 of .2 with a probability of 1 - (1 - .06 / .9 / 2)^24 = .56.
    assert abs(best.options["dropout"] - 0.2) < 0.03


def test_a_search_in_three_runs_draws_what_one_run_draws(tmp_path):
    # The sampler draws evenly until 10 trials have ended.
    for count in (2, 9, 1):
        parts = _search(tmp_path / "parts", count)
    assert parts == _search(tmp_path / "whole", 12)
    assert len({options["dropout"] for options in parts}) == 12
    assert parts[:2] != _search(tmp_path / "other", 2, seed=1)


@pytest.mark.parametrize("num_before", [0, 11])
def test_a_trial_that_was_cut_off_is_drawn_again_and_counts_for_nothing(tmp_path, num_before):
    _search(tmp_path / "trials", num_before)
    with _open(tmp_path / "trials") as kept:
        cut_off, options = kept.draw()
        cut_off.report(0.9, 1)
    with _open(tmp_path / "trials") as kept:
        assert len(kept.ended()) == num_before
        assert kept.num_interrupted == 1
        again, options_again = kept.draw()
        assert options_again == options
        # A number of its own, so nothing of the first attempt is taken for the second's.
        assert again.number > cut_off.number
        kept.end(again, "finished", 0.5, options)
    with _open(tmp_path / "trials") as kept:
        assert kept.num_interrupted == 1
        assert [each.number for each in kept.ended()] == list(range(1, num_before + 2))


def test_kills_are_counted_in_a_row_and_until_another_epoch_is_finished(tmp_path):
    counted = []
    for num_epochs, is_set_aside in ((0, False), (1, False), (1, False), (1, True), (0, False), (0, False)):
        with _open(tmp_path / "trials") as kept:
            trial, options = kept.draw()
            counted.append(kept.num_kills(trial))
            for epoch in range(num_epochs):
                trial.report(0.5, epoch + 1)
            if is_set_aside:
                kept.set_aside(trial)
    # By hand: killed in the first epoch, in the second, there again, left there on purpose, killed there again.
    assert counted == [0, 1, 0, 1, 1, 2]
    with _open(tmp_path / "trials") as kept:
        trial, options = kept.draw()
        assert kept.num_kills(trial) == 3
        kept.end(trial, "killed", None, options, reason="none")
        following, _ = kept.draw()
        assert following.params != trial.params
        assert kept.num_kills(following) == 0


def test_only_finished_trials_win_and_of_two_alike_the_earlier(tmp_path):
    with _open(tmp_path / "trials") as kept:
        assert kept.best() is None
        for outcome, metric in (("pruned", None), ("finished", 0.2), ("diverged", None), ("finished", 0.2)):
            trial, options = kept.draw()
            trial.report(0.9, 1)
            kept.end(trial, outcome, metric, options, reason="none")
        assert kept.best().number == 2
        assert [(each.outcome, each.metric) for each in kept.ended()] == [
            ("pruned", None),
            ("finished", 0.2),
            ("diverged", None),
            ("finished", 0.2),
        ]
        assert kept.ended()[2].about == {"reason": "none"}


def test_a_file_that_was_half_made_is_made_again(tmp_path, monkeypatch):
    def die(*arguments, **words):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trials.os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            _search(tmp_path / "trials", 1)
    assert not (tmp_path / "trials").exists()
    assert len(_search(tmp_path / "trials", 1)) == 1
