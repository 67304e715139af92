import dataclasses
import json
import pathlib
import shutil

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import artifacts, compare, directory_lock, job, kept_results, machine, model_directory, train
from tests.pipelines import conftest

_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 2}
_SOFTMAX_DNN = {"baseline": "softmax_dnn", **_OPTIONS, "similarity": "dot", "temperature": 1.0}


@pytest.fixture(scope="module")
def compared(line, tmp_path_factory):
    """Every kind of system on one planted log, asked twice."""
    root = tmp_path_factory.mktemp("compared")
    files = {"two_tower": _OPTIONS, "dnn": _SOFTMAX_DNN, "als": {"baseline": "als", "embedding_dim": 8}}
    for name, options in files.items():
        (root / f"{name}.json").write_text(json.dumps(options), encoding="utf-8")
    systems = (line.model_dir, *(str(root / f"{name}.json") for name in files), "popularity", "ease")
    config = compare.CompareConfig(
        line.prepared_dir, str(root / "comparison"), systems, metrics=("recall_at_10", "mrr")
    )
    return config, compare.run(config)


def test_every_kind_of_system_is_in_the_table_and_the_planted_truth_is_found_by_those_that_can(compared):
    _, comparison = compared
    kinds = ["model directory", "two-tower", "softmax_dnn", "als", "popularity", "ease"]
    assert [each["kind"] for each in comparison["systems"]] == kinds
    recall = {each["kind"]: each["recall_at_10"]["mean"] for each in comparison["systems"]}
    # Each query likes the candidates of one group in four; popularity knows nothing of it.
    for kind in ("model directory", "als", "ease"):
        assert recall[kind] > 2 * recall["popularity"], recall
    first, *others = comparison["systems"]
    assert "minus_first" not in first
    for each in others:
        difference = each["minus_first"]["recall_at_10"]
        assert difference["mean"] == pytest.approx(each["recall_at_10"]["mean"] - first["recall_at_10"]["mean"])
        assert difference["low"] <= difference["mean"] <= difference["high"]


def test_the_file_holds_what_is_returned_and_what_validation_chose(compared):
    config, comparison = compared
    written = json.loads((pathlib.Path(config.comparison_dir) / "comparison.json").read_text(encoding="utf-8"))
    assert written == kept_results.as_json(comparison)
    ease = written["systems"][-1]
    tried = {each["penalty"]: each["recall_at_10"] for each in ease["on_validation"]}
    assert tried[ease["parameters"]["penalty"]] == max(tried.values())
    assert len(tried) == 9


def test_a_second_run_trains_and_looks_at_nothing(compared, monkeypatch):
    config, comparison = compared
    monkeypatch.setattr(train, "run", None)
    looks = []
    assert compare.run(config, lambda *look: looks.append(look)) == comparison
    assert looks == []


def test_no_system_was_trained_on_other_data_unless_it_is_said(compared):
    _, comparison = compared
    assert [each["trained_on_other_data"] for each in comparison["systems"]] == [False] * 6


def test_a_model_that_was_trained_on_other_data_is_named_and_warned_of_also_where_its_answers_are_kept(
    line, tmp_path, caplog
):
    other = tmp_path / "model"
    shutil.copytree(line.model_dir, other)
    path = model_directory.ModelPaths(other).description / "model.json"
    description = artifacts.read_json(path)
    artifacts.write_json(path, {**description, "prepared_data_sha256": "0" * 64})
    config = compare.CompareConfig(line.prepared_dir, str(tmp_path / "comparison"), (str(other), "popularity"))
    for _ in range(2):
        caplog.clear()
        found = compare.run(config)["systems"]
        assert [each["trained_on_other_data"] for each in found] == [True, False]
        assert f"{other} was trained on other data than {line.prepared_dir}" in caplog.text


def test_a_directory_that_another_run_works_in_is_refused(line, tmp_path):
    config = compare.CompareConfig(line.prepared_dir, str(tmp_path), ("popularity",))
    with (
        directory_lock.lock(tmp_path),
        pytest.raises(artifacts.ArtifactError, match=r"Another run is working in .*--comp"),
    ):
        compare.run(config)
    assert list(tmp_path.iterdir()) == []
    compare.run(config)
    assert (tmp_path / "comparison.json").exists()


def test_what_is_answered_needs_no_memory_and_what_is_not_is_refused(line, tmp_path, monkeypatch):
    (tmp_path / "ease.json").write_text('{"baseline": "ease", "penalty": 5.0}', encoding="utf-8")
    config = compare.CompareConfig(line.prepared_dir, str(tmp_path / "kept"), (str(tmp_path / "ease.json"),))
    comparison = compare.run(config)
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 1000)
    assert compare.run(config) == comparison
    with pytest.raises(job.ConfigError, match=r"ease.json takes .* but 0.0 GB are free"):
        compare.run(dataclasses.replace(config, ask_per="query"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prepared_dir": ""}, "--prepared_dir must name a directory, but is empty"),
        ({"ask_per": "moon"}, "--ask_per must be one of interaction, query, but is 'moon'"),
        ({"systems": ()}, "--systems must be one name or several different ones"),
        ({"systems": ("ease", "ease")}, "several different ones, but is ease,ease"),
        ({"metrics": ("auc",)}, "--comparison_metrics: A metric must be mrr, or one of recall"),
    ],
)
def test_options_out_of_range_are_refused(changes, sentence):
    options = {"prepared_dir": "prepared", "comparison_dir": "comparison", "systems": ("ease",), **changes}
    with pytest.raises(job.ConfigError, match=sentence):
        compare.CompareConfig(**options)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("--num_epochs=3", "num_epochs"),
        ("--config=movielens_100k", "config"),
        ("--nouse_query_id", "use_query_id"),
        ("--seed=1", "seed"),
    ],
)
def test_a_training_option_is_no_flag_of_a_comparison(given, name):
    with flagsaver.flagsaver():
        flags.FLAGS(["compare", "--prepared_dir=p", "--comparison_dir=c", "--ask_per=query"])
        assert compare.config_from_flags().ask_per == "query"
        flags.FLAGS(["compare", "--prepared_dir=p", "--comparison_dir=c", given])
        with pytest.raises(job.ConfigError, match=f"--{name} is no flag of this job; name a JSON file of training"):
            compare.config_from_flags()
