import dataclasses
import json
import math
import types

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import artifacts, directory_lock, job, offline_evaluation, prepare_data, train, training_config, tune
from pipelines.tuning import search_space, trial_training
from tests import planted_log
from tests.pipelines import conftest

_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 2, "early_stop_patience": 0}
_SPACE = {"learning_rate": {"low": 0.0001, "high": 0.1, "log": True}}


def _config(line, output_dir, raw=_SPACE, **changes):
    options = {**_OPTIONS, **changes.pop("options", {})}
    space = search_space.search_space(raw, options)
    return tune.TuneConfig(line.prepared_dir, str(output_dir), options, space, **{"num_trials": 2, **changes})


@pytest.fixture(scope="module")
def searched(line, tmp_path_factory):
    """One search in two runs, with every split that was asked."""
    output_dir, asked = tmp_path_factory.mktemp("tuned"), []
    with pytest.MonkeyPatch.context() as patch:
        questions_of = offline_evaluation.questions_of

        def watched(data, split, ask_per):
            asked.append(split)
            return questions_of(data, split, ask_per)

        patch.setattr(offline_evaluation, "questions_of", watched)
        first = tune.run(_config(line, output_dir, num_trials=1))
        with pytest.MonkeyPatch.context() as second_run:
            second_run.setattr(train, "run", _counted(train.run, trained := []))
            result = tune.run(_config(line, output_dir))
    return first, result, output_dir, asked, len(trained)


def _counted(function, calls):
    def counted(*arguments, **words):
        calls.append(arguments)
        return function(*arguments, **words)

    return counted


def test_the_first_trial_trains_what_the_search_starts_from(searched):
    first, *_ = searched
    assert [each.options for each in first.trials] == [{"learning_rate": _OPTIONS["learning_rate"]}]


def test_a_higher_number_of_trials_goes_on_with_the_search(searched):
    first, result, _, _, num_trained = searched
    assert len(result.trials) == 2
    assert result.trials[0] == first.trials[0]
    assert num_trained == 1


def test_only_validation_is_ever_asked(searched):
    _, _, _, asked, _ = searched
    assert set(asked) == {"validation"}


def test_the_best_configuration_trains_to_the_metric_that_won(searched, line, tmp_path):
    _, result, output_dir, _, _ = searched
    options = training_config.read_options(str(output_dir / "best.json"))
    assert options == {**_OPTIONS, **result.best.options}
    trained = train.run(
        train.TrainJobConfig(line.prepared_dir, str(tmp_path / "model"), training_config.training_config(options))
    )
    assert max(record["validation"]["recall_at_10"] for record in trained.history) == result.best.metric
    assert result.best.metric == max(each.metric for each in result.trials)


def test_the_summary_holds_every_trial_and_only_the_best_one_keeps_its_checkpoints(searched):
    _, result, output_dir, _, _ = searched
    summary = json.loads((output_dir / "trials.json").read_text(encoding="utf-8"))
    assert [each["recall_at_10"] for each in summary["trials"]] == [each.metric for each in result.trials]
    assert summary["best_trial"] == result.best.number
    assert (output_dir / "trials.md").read_text(encoding="utf-8").count("| finished |") == 2
    models = list((output_dir / "models").iterdir())
    assert len(models) == 2
    assert sum((model / "checkpoints").exists() for model in models) == 1
    assert all((model / "history.json").exists() for model in models)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"options": {"dropout": 0.1}}, "training options"),
        ({"raw": {"learning_rate": {"low": 0.001, "high": 0.1}}}, "--search_space"),
        ({"num_unpruned_epochs": 1}, "--num_unpruned_epochs"),
    ],
)
def test_another_search_in_the_same_directory_is_refused_and_what_differs_is_named(searched, line, changes, named):
    _, _, output_dir, _, _ = searched
    with pytest.raises(tune.TuningError, match=f"holds a search with other {named}, whose trials do not compare"):
        tune.run(_config(line, output_dir, **changes))


def test_two_runs_on_one_directory_are_refused(line, tmp_path):
    with directory_lock.lock(tmp_path), pytest.raises(tune.TuningError, match="Another run is searching in"):
        tune.run(_config(line, tmp_path))


def test_a_trial_far_below_the_others_is_given_up(line, tmp_path, monkeypatch):
    def train_as_well_as_the_rate(job_config, is_hopeless):
        recall, history = job_config.training.optimization.learning_rate, []
        while len(history) < 2 and not (history and is_hopeless(history)):
            epoch = len(history) + 1
            history = [*history, {"epoch": epoch, "seconds": 1.0, "validation": {"recall_at_10": recall}}]
        return train.TrainResult(history, 1, 0.0, 0)

    monkeypatch.setattr(trial_training.train, "run", train_as_well_as_the_rate)
    # The first trial has the rate of the fixture, the others next to none.
    raw = {"learning_rate": {"choices": [0.01, 1e-9, 2e-9]}}
    config = _config(line, tmp_path, raw, num_trials=4, num_unpruned_trials=1, num_unpruned_epochs=1)
    trials = tune.run(config).trials
    assert (trials[0].outcome, trials[0].about["num_epochs"]) == ("finished", 2)
    given_up = [each for each in trials if each.options["learning_rate"] < 1e-6]
    assert given_up
    assert all((each.outcome, each.about["num_epochs"]) == ("pruned", 1) for each in given_up)


def test_a_trial_that_is_refused_has_a_reason_and_is_not_the_end(line, tmp_path, monkeypatch):
    refused = iter([job.ConfigError("It does not go."), None])

    def sometimes(config, is_hopeless):
        if error := next(refused):
            raise error
        history = [{"epoch": epoch, "seconds": 1.0, "validation": {"recall_at_10": 0.1 * epoch}} for epoch in (1, 2)]
        return train.TrainResult(history, 2, 0.0, 0)

    monkeypatch.setattr(trial_training.train, "run", sometimes)
    result = tune.run(_config(line, tmp_path))
    assert [(each.outcome, each.metric) for each in result.trials] == [("refused", None), ("finished", 0.2)]
    assert result.trials[0].about == {"reason": "It does not go."}
    assert result.best.number == 2


class _Killed(BaseException):
    """Stands for a process that ends without a word."""


@pytest.fixture
def dying(monkeypatch):
    """Makes the training of the first configuration fail, and that of others end with a recall of .2."""

    def make(error):
        def train_or_die(config, is_hopeless):
            if config.training.optimization.learning_rate == _OPTIONS["learning_rate"]:
                raise error
            return train.TrainResult([{"epoch": 1, "seconds": 1.0, "validation": {"recall_at_10": 0.2}}], 1, 0.0, 0)

        monkeypatch.setattr(trial_training.train, "run", train_or_die)

    return make


def test_a_trial_that_kills_the_process_three_times_is_not_tried_on(line, tmp_path, monkeypatch, dying):
    dying(_Killed())
    config = _config(line, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(tune.Trials, "set_aside", lambda self, trial: None)
        for _ in range(3):
            with pytest.raises(_Killed):
                tune.run(config)
    result = tune.run(config)
    assert [(each.outcome, each.metric) for each in result.trials] == [("killed", None), ("finished", 0.2)]
    assert result.trials[0].about["reason"].startswith("The process was killed 3 times before it finished another")


def test_a_trial_that_is_left_by_a_person_is_tried_as_often_as_need_be(line, tmp_path, dying):
    dying(KeyboardInterrupt())
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            tune.run(_config(line, tmp_path))


def test_where_nothing_can_be_finished_the_last_reason_is_the_error(line, tmp_path):
    raw = {"decay_steps": {"low": 1, "high": 3}}
    options = {"schedule": "cosine", "decay_steps": 2}
    with pytest.raises(tune.TuningError, match=r"None of 1 trials was finished; the last one: With --schedule=cosine"):
        tune.run(_config(line, tmp_path, raw, num_trials=1, options=options))
    assert not (tmp_path / "best.json").exists()


def test_time_that_is_up_ends_the_run_after_an_epoch_and_the_next_goes_on_from_there(line, tmp_path):
    short = tune.run(_config(line, tmp_path, num_trials=1, timeout_seconds=1e-3))
    assert (short.best, short.trials) == (None, [])
    config = _config(line, tmp_path, num_trials=1)
    with pytest.MonkeyPatch.context() as patch:
        # Not over before a trial begins, and over when its first epoch ends.
        patch.setattr(trial_training, "time", types.SimpleNamespace(monotonic=lambda: math.inf))
        stopped = tune.run(dataclasses.replace(config, timeout_seconds=1e6))
    assert stopped.trials == []
    (model,) = (tmp_path / "models").iterdir()
    assert len(artifacts.read_json(model / "history.json")) == 1
    (trial,) = tune.run(config).trials
    assert (trial.outcome, trial.about["num_epochs"]) == ("finished", 2)
    assert artifacts.read_json(tmp_path / "trials.json")["num_interrupted"] == 1


def test_data_without_validation_is_refused(tmp_path):
    log = planted_log.write(tmp_path / "raw")
    prepared = conftest.prepare_config(log, tmp_path / "prepared")
    prepare_data.run(dataclasses.replace(prepared, split="global_time", validation_fraction=0.0))
    config = tune.TuneConfig(
        str(tmp_path / "prepared"), str(tmp_path / "out"), _OPTIONS, search_space.search_space(_SPACE, _OPTIONS)
    )
    with pytest.raises(tune.TuningError, match="has no validation interactions that can be asked for"):
        tune.run(config)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_trials": 0}, "--num_trials must be >= 1, but is 0."),
        ({"num_unpruned_trials": 0}, "--num_unpruned_trials must be >= 1, but is 0."),
        ({"timeout_seconds": 0.0}, "--timeout_seconds must be > 0 and finite, but is 0.0."),
        ({"output_dir": ""}, "--output_dir must name a directory, but is empty."),
    ],
)
def test_settings_out_of_range_are_refused(changes, sentence):
    config = tune.TuneConfig("prepared", "out", {}, search_space.search_space(_SPACE, {}))
    with pytest.raises(job.ConfigError, match=f"^{sentence}$"):
        dataclasses.replace(config, **changes)


def test_flags_stand_above_the_configuration_file_and_the_space_above_both(tmp_path):
    space = tmp_path / "space.json"
    space.write_text(json.dumps(_SPACE), encoding="utf-8")
    given = ["--prepared_dir=p", "--output_dir=o", "--config=gowalla", "--dropout=0.25", f"--search_space={space}"]
    with flagsaver.flagsaver():
        flags.FLAGS(["tune", *given, "--num_trials=7"])
        config = tune.config_from_flags()
    assert (config.prepared_dir, config.output_dir, config.num_trials) == ("p", "o", 7)
    assert config.options["dropout"] == 0.25
    # Of the shipped file.
    assert config.options["embedding_dim"] == 256
    assert config.space.option_names == ("learning_rate",)
