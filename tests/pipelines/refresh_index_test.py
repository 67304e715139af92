import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from pipelines import (
    artifacts,
    directory_lock,
    export,
    export_gates,
    export_versions,
    job,
    refresh_index,
)
from pipelines.daily import served_days
from serving import manifest, saved_model

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def published(line, tmp_path_factory):
    """Returns an export directory with one version, which no test changes."""
    export_dir = tmp_path_factory.mktemp("refreshed") / "shop"
    export.run(
        export.ExportConfig(
            line.prepared_dir, line.model_dir, str(export_dir), "brute_force", 20, filter_columns=("tags",)
        )
    )
    return export_dir


@pytest.fixture(scope="module")
def rows(line):
    """Returns the candidate table, without `item-0`, with `item-1` of other features and two that are new."""
    head, gone, changed, *others = line.log.candidates.read_text().splitlines()
    assert gone.startswith("item-0,")
    assert changed == "item-1,Item <1>,group1|all,1.5"
    return [
        head,
        "item-1,Item <1>,group3|all,90",
        *others,
        "brand-new,New,group2|all,3.0",
        "newer,Newer,group2|all,3.0",
    ]


@pytest.fixture(scope="module")
def refreshed(line, published, rows, tmp_path_factory):
    table = tmp_path_factory.mktemp("table") / "items.csv"
    table.write_text("\n".join(rows) + "\n")
    config = refresh_index.RefreshConfig(line.prepared_dir, line.model_dir, str(published), str(table))
    return config, refresh_index.run(config)


def _vectors(version_dir) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(version_dir / "variables" / "variables"))
    names = {name.split("/")[2]: name for name in reader.get_variable_to_shape_map() if "retriever/index/" in name}
    ids, vectors = (reader.get_tensor(names[name]) for name in ("_ids", "_embeddings"))
    return {each.decode(): vector for each, vector in zip(ids, vectors, strict=True)}


def test_what_came_went_and_stayed_is_counted_and_what_the_model_does_not_know(refreshed):
    _, result = refreshed
    assert result.as_json() == {
        "job": "refresh_index",
        "version": 2,
        "reused": False,
        "num_candidates": 81,
        "num_new": 2,
        "num_kept": 79,
        "num_removed": 1,
        "num_outside_vocabulary": 2,
    }


def test_unchanged_candidates_keep_their_embeddings_to_the_bit_and_changed_ones_do_not(refreshed, published):
    _, result = refreshed
    before, after = _vectors(published / "1"), _vectors(result.export.version_dir)
    assert set(before) - set(after) == {"item-0"}
    unchanged = set(before) & set(after) - {"item-1"}
    assert len(unchanged) == 78
    for each in unchanged:
        np.testing.assert_array_equal(before[each], after[each], err_msg=each)
    assert np.abs(before["item-1"] - after["item-1"]).max() > 0.01


def test_an_id_that_the_model_does_not_know_is_answered_by_its_features(refreshed):
    _, result = refreshed
    after = _vectors(result.export.version_dir)
    # The two that are new have equal features, so only these can have made their embeddings.
    np.testing.assert_allclose(after["brand-new"], after["newer"], atol=1e-6)
    similar = saved_model.load_saved_model(result.export.version_dir)["similar_candidates"]
    answer = similar(candidate_id=["brand-new"], k=[1])
    assert answer["candidate_ids"].numpy().tolist() == [[b"newer"]]


def test_the_query_tower_and_the_options_of_the_version_before_stay(refreshed, published):
    _, result = refreshed
    query = {"query_id": ["shopper-1"], "history": [["item-1", "item-5"]], "parity": ["odd"]}
    embeddings = [
        saved_model.load_saved_model(path)["embed_query"](**query)["embedding"].numpy()
        for path in (published / "1", result.export.version_dir)
    ]
    np.testing.assert_array_equal(*embeddings)
    before = manifest.read_manifest(published / "1")
    for name in ("k", "max_k", "index", "filter_columns", "model_stamp", "best_checkpoint"):
        assert result.export.manifest[name] == before[name], name


def test_the_same_table_again_publishes_nothing(refreshed):
    config, result = refreshed
    again = refresh_index.run(config)
    assert (again.export.reused, again.export.version_dir) == (True, result.export.version_dir)
    assert (again.changes.num_new, again.changes.num_removed) == (0, 0)


def test_without_a_version_there_is_nothing_to_refresh(refreshed, tmp_path):
    config, _ = refreshed
    with pytest.raises(export_gates.ExportRefusedError, match=r"needs a version that serves, but --export_dir=.* none"):
        refresh_index.run(dataclasses.replace(config, export_dir=str(tmp_path / "none")))


def test_of_daily_runs_that_published_nothing_nothing_is_refreshed(published, tmp_path):
    state_dir = tmp_path / "state"
    (state_dir / "days").mkdir(parents=True)
    config = refresh_index.RefreshConfig("", "", str(published), "items.csv", state_dir=str(state_dir))
    with pytest.raises(served_days.ServedDaysError, match=r"No day was published to --export_dir=.* do one first\."):
        refresh_index.run(config)


def test_two_writers_of_one_directory_are_not_let_in(refreshed):
    config, _ = refreshed
    other = directory_lock.hold(pathlib.Path(config.export_dir), "export_dir", "publishing")
    with other, pytest.raises(artifacts.ArtifactError, match=r"Another run is publishing in .*; wait until it has end"):
        refresh_index.run(config)


def test_other_towers_than_those_that_serve_are_refused(refreshed, monkeypatch):
    config, _ = refreshed
    monkeypatch.setattr(refresh_index.model_directory, "best_checkpoint_name", lambda path: "best-99")
    with pytest.raises(
        export_gates.ExportRefusedError, match=r"holds other ones than version 2 of .* name the directory of its model"
    ):
        refresh_index.run(config)


@pytest.mark.parametrize(
    ("num_rows", "floor", "sentence"),
    [
        (80, 81, r"holds 80 candidates, below the floor --min_num_candidates=81\."),
        (3, 1, r"--k=20 asks for more candidates than the corpus holds \(3\)\."),
    ],
)
def test_a_corpus_that_is_too_small_is_refused_and_what_serves_stays(
    refreshed, rows, tmp_path, num_rows, floor, sentence
):
    config, _ = refreshed
    few = tmp_path / "few.csv"
    few.write_text("\n".join(rows[: num_rows + 1]) + "\n")
    with pytest.raises(export_gates.ExportRefusedError, match=sentence):
        refresh_index.run(dataclasses.replace(config, candidates=str(few), min_num_candidates=floor))
    assert export_versions.numbers(config.export_dir) == [1, 2]


def test_an_index_below_the_recall_floor_is_refused(refreshed, rows, tmp_path, monkeypatch):
    config, _ = refreshed
    other = tmp_path / "items.csv"
    other.write_text("\n".join(rows[:-1]) + "\n")
    monkeypatch.setattr(export.served_content.tuning, "index_recall", lambda *arguments: 0.5)
    with pytest.raises(export_gates.ExportRefusedError, match=r"is 0\.500, below the floor 0\.950"):
        refresh_index.run(dataclasses.replace(config, candidates=str(other)))
    assert export_versions.numbers(config.export_dir) == [1, 2]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"candidates": ""}, r"--candidates must name a candidate table, but is empty\."),
        ({"export_dir": ""}, r"--export_dir must name a directory, but is empty\."),
        ({"state_dir": "state"}, r"--state_dir=state says which model serves .* leave out --prepared_dir and --model"),
        (
            {"state_dir": "none", "prepared_dir": "", "model_dir": ""},
            r"--state_dir must be a directory that a daily run has made, but is 'none'\.",
        ),
        ({"min_index_recall": 2.0}, r"--min_index_recall must be in \[0, 1\], but is 2\.0\."),
    ],
)
def test_options_out_of_range_are_refused_with_a_sentence(refreshed, changes, sentence):
    config, _ = refreshed
    with pytest.raises(job.ConfigError, match=sentence):
        dataclasses.replace(config, **changes)


def test_the_flags_are_those_of_the_command_line():
    help_text = subprocess.run(
        [sys.executable, "-m", "pipelines.refresh_index", "--help"], cwd=_ROOT, capture_output=True, text=True
    ).stdout
    for name in ("prepared_dir", "model_dir", "candidates", "export_dir", "min_index_recall", "keep_versions"):
        assert f"\n  --{name}: " in help_text
