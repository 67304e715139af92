import dataclasses
import json
import pathlib
import shutil

import pytest

from benchmarks import test_split_ledger
from benchmarks.quality import kept_results, runs, variants
from benchmarks.quality import sources as sources_lib
from benchmarks.quality.datasets import DATASETS
from pipelines import train, training_state

_ML1M = DATASETS["ml1m"]
_SHIPPED = {
    "embedding_dim": 8,
    "history_length": 3,
    "batch_size": 64,
    "num_epochs": 3,
    "learning_rate": 0.02,
    "ask_per": "query",
    "early_stop_metric": "recall_at_20",
}


@pytest.fixture(scope="module")
def prepared_dirs(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    return {split: sources_lib.prepare(_ML1M, folder, split, False, sources, True) for split in ("validation", "test")}


@dataclasses.dataclass(frozen=True)
class Finished:
    """A run that several tests read; none may change it, but copies of it."""

    directory: pathlib.Path
    result: kept_results.Result
    trainings: list[int]
    has_looked: bool


@pytest.fixture(scope="module")
def finished(prepared_dirs, tmp_path_factory):
    """The default, asked for validation."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as context:
        # The ledger that each test has of its own is not there yet.
        context.setattr(test_split_ledger, "_LEDGER", folder / "ledger.jsonl")
        trainings = _counted_trainings(context)
        result = _run(prepared_dirs, folder / "run")
    return Finished(folder / "run", result, trainings, (folder / "ledger.jsonl").exists())


@pytest.fixture
def trainings(monkeypatch):
    """Returns the numbers of steps that each call of training made."""
    return _counted_trainings(monkeypatch)


def _counted_trainings(monkeypatch):
    calls, run = [], train.run

    def counted(*arguments):
        result = run(*arguments)
        calls.append(result.num_steps)
        return result

    monkeypatch.setattr(train, "run", counted)
    return calls


def _run(prepared_dirs, directory, split="validation", name="default", seed=0, **changes):
    variant = variants.build(_ML1M, name, {**_SHIPPED, **changes})
    return runs.run_once(_ML1M, variant, seed, prepared_dirs[split], directory, split)


def test_a_finished_run_is_kept_and_validation_is_no_look_at_the_test_split(prepared_dirs, finished, trainings, ledger):
    first = finished.result
    assert _run(prepared_dirs, finished.directory) == first
    # 240 interactions in batches of 64, three times.
    assert (finished.trainings, trainings) == ([12], [])
    assert not finished.has_looked
    assert not ledger.exists()
    assert (first.figures["num_epochs"], first.figures["seed"]) == (3, 0)
    assert 0.0 <= first.figures["recall_at_20"] <= 1.0


def test_a_look_at_the_test_split_is_noted_before_it_is_taken_and_not_taken_again(
    prepared_dirs, tmp_path, ledger, monkeypatch
):
    trained = train.TrainResult([{"seconds": 1.0}], best_epoch=1, seconds=1.0, num_steps=5)
    monkeypatch.setattr(train, "run", lambda *arguments: trained)
    monkeypatch.setattr(runs, "_ask", lambda *arguments: pytest.fail("asked"))
    with pytest.raises(pytest.fail.Exception):
        _run(prepared_dirs, tmp_path / "run", "test", seed=4)
    monkeypatch.undo()
    (line,) = map(json.loads, ledger.read_text().splitlines())
    assert (line["dataset"], line["variant"], line["seed"]) == ("ml1m", "default", 4)


def test_the_test_split_is_asked_of_a_model_that_is_fitted_on_validation_too_for_all_its_epochs(
    prepared_dirs, tmp_path, trainings, ledger
):
    results = [_run(prepared_dirs, tmp_path / "run", "test", early_stop_patience=1) for _ in range(2)]
    assert results[0] == results[1]
    # 320 interactions: five batches an epoch.
    assert trainings == [15]
    assert results[0].figures["best_epoch"] == 3
    assert len(ledger.read_text().splitlines()) == 1
    # 40 queries of whom one has a target that training does not know: it is missed, and counts.
    assert (results[0].figures["num_queries"], results[0].figures["num_interactions"]) == (40, 81)


def test_an_interrupted_training_goes_on_and_gives_the_figures_of_an_undisturbed_one(
    prepared_dirs, finished, tmp_path, trainings, monkeypatch
):
    finish = training_state.TrainingState.finish_epoch

    def die_in_second(state, *arguments, **keywords):
        if state.num_epochs_done == 1:
            raise KeyboardInterrupt
        finish(state, *arguments, **keywords)

    with monkeypatch.context() as context:
        context.setattr(training_state.TrainingState, "finish_epoch", die_in_second)
        with pytest.raises(KeyboardInterrupt):
            _run(prepared_dirs, tmp_path / "resumed")
    resumed = _run(prepared_dirs, tmp_path / "resumed")
    # Four steps an epoch; one epoch was kept.
    assert (finished.trainings, trainings) == ([12], [8])
    names = ("recall_at_20", "ndcg_at_20", "best_epoch", "num_epochs")
    assert [resumed.figures[name] for name in names] == [finished.result.figures[name] for name in names]


def test_other_options_discard_what_lies_there_and_begin_anew(prepared_dirs, finished, tmp_path, trainings):
    shutil.copytree(finished.directory, tmp_path / "run")
    _run(prepared_dirs, tmp_path / "run", temperature=0.2)
    assert trainings == [12]


def test_exact_counts_are_trained_and_resumed_like_the_estimate(prepared_dirs, tmp_path, trainings):
    _run(prepared_dirs, tmp_path / "run", name="exact_counts")
    (tmp_path / "run" / "validation.json").unlink()
    _run(prepared_dirs, tmp_path / "run", name="exact_counts")
    assert trainings == [12, 0]


@pytest.mark.parametrize(
    "changes",
    [{"num_uniform_negatives": 8}, {"every_position": True, "history_encoder": "self_attention"}],
    ids=("uniform", "every_position"),
)
def test_exact_counts_go_with_other_negatives_and_with_training_by_positions(prepared_dirs, tmp_path, changes):
    result = _run(prepared_dirs, tmp_path / "run", name="exact_counts", num_epochs=1, **changes)
    assert result.figures["num_queries"] == 40
