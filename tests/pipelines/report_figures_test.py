import json
import pathlib

import pytest

from pipelines import artifacts, model_directory, prepared_data, report_figures, train, training_config
from serving import manifest
from tests.pipelines import conftest


@pytest.fixture(scope="module")
def without_correction(line, tmp_path_factory):
    model_dir = str(tmp_path_factory.mktemp("models") / "without")
    options = {**conftest.TRAINING_OPTIONS, "num_epochs": 2, "log_q_correction": "none"}
    train.run(train.TrainJobConfig(line.prepared_dir, model_dir, training_config.training_config(options)))
    return model_dir


def test_the_data_card_has_counts_times_and_what_was_dropped(line):
    card = report_figures.data_card(prepared_data.read_prepared_data(line.prepared_dir).manifest)
    # Planted: 160 queries of 14 interactions each, of which the last two are held out; one a minute from 2020-09-13.
    assert card["interactions"] == {"train": 160 * 12, "validation": 160, "test": 160}
    assert (card["queries"], card["candidates"]) == (160, 80)
    assert card["time_range"] == ["2020-09-13", "2020-09-13"]
    assert card["drops"] == card["removed_values"] == {}
    assert card["options"]["split"] == "leave_last_out"


def test_a_log_without_time_has_no_range():
    prepared = {"counts": {}, "drops": {"no_candidate_id": 3}, "removed_values": {}, "configuration": {"column": ""}}
    card = report_figures.data_card({**prepared, "time_range_microseconds": None})
    assert "time_range" not in card
    assert card["drops"] == {"no_candidate_id": 3}
    assert card["options"] == {}


def test_training_is_told_by_its_epochs_and_the_one_that_was_kept(line):
    card = report_figures.training_card(line.model_dir)
    history = json.loads(pathlib.Path(line.model_dir, "history.json").read_text())
    assert card["history"] == history
    best = max(history, key=lambda record: record["validation"]["recall_at_10"])
    assert card["history"][card["best_epoch"] - 1]["validation"]["recall_at_10"] == best["validation"]["recall_at_10"]
    assert card["seconds"] == pytest.approx(sum(record["seconds"] for record in history))


def test_two_models_are_called_by_the_option_in_which_they_differ(line, without_correction):
    compared = report_figures.comparison([line.model_dir, without_correction])
    assert compared["differences"] == [{"option": "log_q_correction", "values": ["yi2019", "none"]}]
    assert compared["names"] == ["log_q_correction=yi2019", "log_q_correction=none"]
    assert [len(each["history"]) for each in compared["training"]] == [12, 2]


def _described(line, model_dir, training_options=None, config=None, **changes):
    """Writes the description of the planted model under another name, with other values."""
    raw = artifacts.read_json(model_directory.ModelPaths(line.model_dir).description / "model.json")
    raw |= {
        "config": {**raw["config"], **(config or {})},
        "training_options": {**raw["training_options"], **(training_options or {})},
        **changes,
    }
    directory = model_directory.ModelPaths(model_dir).description
    directory.mkdir(parents=True)
    artifacts.write_json(directory / "model.json", raw)
    return model_dir


def test_models_that_differ_in_much_or_nothing_are_called_by_their_directories(line, tmp_path):
    assert report_figures.names_of([line.model_dir, line.model_dir]) == [line.model_dir, line.model_dir]
    small = _described(line, tmp_path / "small", {"batch_size": 64}, {"embedding_dim": 4}, seed=3)
    same = _described(line, tmp_path / "same")
    assert report_figures.names_of([line.model_dir, small]) == ["model", "small"]
    assert report_figures.names_of([line.model_dir, same]) == ["model", "same"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"config": {"log_q_correction": "none"}}, True),
        ({"config": {"log_q_correction": "none"}, "seed": 3}, False),
        ({"config": {"log_q_correction": "none"}, "prepared_data_sha256": "other"}, False),
        # Both are corrected.
        ({"config": {"log_q_correction": "corrected2025"}}, False),
        ({}, False),
    ],
)
def test_two_models_show_the_correction_where_they_differ_in_that_alone(line, tmp_path, changes, expected):
    other = _described(line, tmp_path / "other", **changes)
    assert report_figures.differ_in_correction_alone([line.model_dir, other]) == expected
    assert report_figures.differ_in_correction_alone([other, line.model_dir]) == expected


def test_an_option_that_one_configuration_lacks_is_none_there():
    assert report_figures.differences({"a": 1, "b": [1, 2]}, {"b": [1, 2], "c": 3}) == [
        {"option": "a", "values": [1, None]},
        {"option": "c", "values": [None, 3]},
    ]


def test_the_index_card_is_what_the_export_says(line):
    version_dir = pathlib.Path(line.export_dir) / "1"
    card = report_figures.index_card(version_dir)
    assert (card["index"], card["k"], card["num_candidates"], card["embedding_dim"]) == ("scann_index", 20, 80, 16)
    assert card["version"] == "1"
    assert card["index_recall"] == manifest.read_manifest(version_dir)["index_recall_at_20"]
    # ScaNN scores a corpus of 80 as a whole.
    assert card["trade_off"] == []


def test_versions_are_those_that_are_installed():
    versions = report_figures.versions()
    assert versions["tensorflow"].startswith("2.20")
    assert set(versions) >= {"tfrs-two-tower", "scann", "numpy"}
