import dataclasses
import json
import pathlib
import shutil

import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from pipelines import (
    artifacts,
    directory_lock,
    export,
    export_gates,
    export_versions,
    model_directory,
    served_content,
)
from serving import manifest, warm_up_requests
from serving.index import brute_force
from tests.pipelines import prepared_tables


@pytest.fixture
def config(line, tmp_path):
    return export.ExportConfig(line.prepared_dir, line.model_dir, str(tmp_path / "shop"), "brute_force", 20)


@pytest.fixture(scope="module")
def exported(line, tmp_path_factory):
    """What `config` exports, once for all tests; they change copies of it."""
    export_dir = tmp_path_factory.mktemp("exported") / "shop"
    return export.run(export.ExportConfig(line.prepared_dir, line.model_dir, str(export_dir), "brute_force", 20))


@pytest.fixture(scope="module")
def full_exported(line, tmp_path_factory):
    """Columns to show and to filter, known queries and the default k, in a folder that held something before."""
    export_dir = tmp_path_factory.mktemp("full") / "shop"
    (export_dir / "\u00b2").mkdir(parents=True)
    config = export.ExportConfig(line.prepared_dir, line.model_dir, str(export_dir), "brute_force", None)
    more = {"display_columns": ("title",), "filter_columns": ("tags",), "precompute_queries": True}
    return export.run(dataclasses.replace(config, **more))


def _publish(exported: export.ExportResult, config: export.ExportConfig, version: int = 1, **changes) -> pathlib.Path:
    """Puts a copy of what was exported where `config` exports to; what is said of it may be other."""
    version_dir = pathlib.Path(config.export_dir) / str(version)
    shutil.copytree(exported.version_dir, version_dir)
    if changes:
        manifest.write_manifest(version_dir, exported.manifest | changes)
    return version_dir


@pytest.fixture
def written_at_once(exported, monkeypatch):
    """For tests that end with what is done around the SavedModel: it is that of `exported`."""

    def copied(served, building):
        beside = shutil.ignore_patterns("assets.extra")
        shutil.copytree(exported.version_dir, building, ignore=beside, dirs_exist_ok=True)

    monkeypatch.setattr(export.saved_model, "write_saved_model", copied)


@pytest.fixture
def tried_before(written_at_once, monkeypatch):
    """For tests of which versions there are: beside that, the loader that accepted `exported` is not asked again."""
    monkeypatch.setattr(export_gates, "require_loadable", lambda *arguments: None)


def _served(export_dir: str) -> list[str]:
    return sorted(path.name for path in pathlib.Path(export_dir).iterdir())


def test_a_version_is_published_with_manifest_and_warm_up(exported, line):
    assert _served(exported.version_dir.parent) == ["1"]
    content = manifest.read_manifest(exported.version_dir)
    assert (content["index"], content["num_candidates"], content["index_recall_at_20"]) == (
        "brute_force_index",
        80,
        1.0,
    )
    assert content["inputs"]["serving_default"]["history"] == {"dtype": "string", "shape": [-1, -1]}
    assert content["inputs"]["similar_candidates"]["candidate_id"] == {"dtype": "string", "shape": [-1]}
    best_checkpoint = model_directory.best_checkpoint_name(line.model_dir)
    assert content["validation"] == model_directory.validation_metrics(line.model_dir, best_checkpoint)
    assert 0.0 < content["validation"]["recall_at_50"] <= 1.0
    records = list(tf.data.TFRecordDataset(str(exported.version_dir / warm_up_requests.PATH)))
    # One for each of six signatures, and two more that retrieve under restrictions.
    assert len(records) == 8


@pytest.mark.usefixtures("tried_before")
def test_the_same_export_is_not_published_twice_and_another_becomes_the_next_version(exported, config):
    published, again = _publish(exported, config), export.run(config)
    assert (again.reused, again.version_dir) == (True, published)
    assert _served(config.export_dir) == ["1"]
    other = export.run(dataclasses.replace(config, k=10))
    assert (other.reused, other.version_dir.name) == (False, "2")


def test_k_above_the_corpus_is_refused(config):
    with pytest.raises(
        export_gates.ExportRefusedError,
        match=r"--k=81 asks for more candidates than the corpus holds \(80\)\. .* Lower",
    ):
        export.run(dataclasses.replace(config, k=81))
    assert not pathlib.Path(config.export_dir).exists()


def test_an_index_below_the_recall_floor_is_refused_and_the_version_before_stays(exported, config, monkeypatch):
    _publish(exported, config)
    exact = brute_force.BruteForceIndex.search_rows

    def worst_first(self, query_embeddings, k):
        rows, scores = exact(self, -query_embeddings, k)
        return rows, -scores

    monkeypatch.setattr(brute_force.BruteForceIndex, "search_rows", worst_first)
    with pytest.raises(
        export_gates.ExportRefusedError, match=r"index_recall_at_10 is 0\.\d+, below the floor 0\.950, on 960 tr"
    ):
        export.run(dataclasses.replace(config, k=10))
    assert _served(config.export_dir) == ["1"]


@pytest.mark.usefixtures("tried_before")
def test_a_failure_in_the_middle_of_writing_leaves_the_version_before_and_nothing_else(exported, config, monkeypatch):
    _publish(exported, config)

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(warm_up_requests, "write_warm_up_requests", full_disk)
    with pytest.raises(OSError, match="No space left"):
        export.run(dataclasses.replace(config, k=10))
    assert _served(config.export_dir) == ["1"]
    tf.saved_model.load(str(pathlib.Path(config.export_dir) / "1"))


def test_an_export_that_the_serving_loader_cannot_run_is_refused(config, monkeypatch):
    def broken(served, directory):
        (directory / "saved_model.pb").write_bytes(b"not a model")

    monkeypatch.setattr(export.saved_model, "write_saved_model", broken)
    with pytest.raises(
        export_gates.ExportRefusedError, match="does not load and run through TensorFlow's C API, so no server"
    ):
        export.run(config)
    assert _served(config.export_dir) == []


@pytest.mark.usefixtures("tried_before")
def test_a_version_without_a_readable_manifest_is_not_taken_for_the_same_export(exported, config):
    version_dir = _publish(exported, config)
    (version_dir / "assets.extra" / "manifest.json").write_text(json.dumps({"format_version": 99}))
    assert export.run(config).version_dir.name == "2"


@pytest.mark.usefixtures("tried_before")
def test_a_version_below_the_floor_that_is_now_asked_for_is_not_reused(config, monkeypatch):
    monkeypatch.setattr(served_content.tuning, "index_recall", lambda *arguments: 0.5)
    export.run(dataclasses.replace(config, min_index_recall=0.0))
    with pytest.raises(export_gates.ExportRefusedError, match=r"is 0\.500, below the floor 0\.950"):
        export.run(config)


@pytest.mark.usefixtures("tried_before")
def test_a_damaged_version_is_not_taken_for_the_same_export(exported, config):
    version_dir = _publish(exported, config)
    (version_dir / "variables" / "variables.index").unlink()
    assert export.run(config).version_dir.name == "2"


@pytest.mark.usefixtures("tried_before")
def test_two_exports_at_once_cannot_replace_each_other(config, monkeypatch):
    def publish_first(export_dir, inputs, served):
        (pathlib.Path(config.export_dir) / "1").mkdir()
        (pathlib.Path(config.export_dir) / "1" / "saved_model.pb").write_text("of the other run")

    monkeypatch.setattr(export_gates, "require_loadable", publish_first)
    with pytest.raises(artifacts.ArtifactError, match="was published by another run meanwhile and stays as it is; run"):
        export.run(config)
    assert (pathlib.Path(config.export_dir) / "1" / "saved_model.pb").read_text() == "of the other run"
    assert _served(config.export_dir) == ["1"]


def test_prepared_data_of_another_schema_is_refused(config, tmp_path):
    rows = [("p", "a", 1, "train", 0), ("p", "b", 2, "test", 1)]
    other = prepared_tables.write(tmp_path / "other", rows, ["a", "b"])
    with pytest.raises(model_directory.ModelDirectoryError, match="was trained with another schema than that of"):
        export.run(dataclasses.replace(config, prepared_dir=other))


@pytest.mark.usefixtures("written_at_once")
def test_an_export_that_answers_otherwise_elsewhere_is_refused(config, monkeypatch):
    recommend = export_gates.served_recommender.ServedRecommender.recommend

    def turned_round_here(self, inputs):
        answer = recommend(self, inputs)
        return {**answer, "candidate_ids": answer["candidate_ids"][:, ::-1]} if tf.executing_eagerly() else answer

    monkeypatch.setattr(export_gates.served_recommender.ServedRecommender, "recommend", turned_round_here)
    with pytest.raises(export_gates.ExportRefusedError, match="through TensorFlow's C API where this process answers"):
        export.run(config)
    assert _served(config.export_dir) == []


def test_a_folder_whose_name_only_looks_like_a_number_is_no_version(full_exported):
    assert full_exported.version_dir.name == "1"
    assert _served(full_exported.version_dir.parent) == ["1", "\u00b2"]


def test_k_is_the_corpus_where_that_is_below_the_default(full_exported):
    assert full_exported.manifest["k"] == 80


def test_a_corpus_below_its_floor_is_refused(config):
    with pytest.raises(
        export_gates.ExportRefusedError, match=r"holds 80 candidates, below the floor --min_num_candidates=81\. Nothing"
    ):
        export.run(dataclasses.replace(config, min_num_candidates=81))


@pytest.mark.usefixtures("tried_before")
def test_a_model_that_lost_more_than_the_bound_is_refused_and_one_within_it_is_not(exported, config, monkeypatch):
    _publish(exported, config, validation={"recall_at_50": 0.5})
    monkeypatch.setattr(model_directory, "validation_metrics", lambda *arguments: {"recall_at_50": 0.44})
    with pytest.raises(
        export_gates.ExportRefusedError,
        match=r"Validation recall_at_50 is 0\.4400, below 0\.4500: version 1 has 0\.5000 and --max_metric_loss=0\.1",
    ):
        export.run(dataclasses.replace(config, k=10))
    assert _served(config.export_dir) == ["1"]
    assert export.run(dataclasses.replace(config, k=10, max_metric_loss=0.2)).version_dir.name == "2"


def test_a_model_without_validation_is_not_taken_for_as_good_as_one_that_has_some(exported, config, monkeypatch):
    _publish(exported, config)
    monkeypatch.setattr(model_directory, "validation_metrics", lambda *arguments: None)
    with pytest.raises(export_gates.ExportRefusedError, match=r"The model has no validation recall_at_50 to compare"):
        export.run(dataclasses.replace(config, k=10))


def test_titles_are_written_beside_the_model(full_exported):
    shown = pq.read_table(full_exported.version_dir / "assets.extra" / "display.parquet")
    assert shown.column_names == ["candidate_id", "title"]
    assert shown.num_rows == 80


@pytest.mark.usefixtures("tried_before")
def test_rolling_back_serves_the_version_before_and_the_next_one_gets_a_new_number(exported, config):
    for version in (1, 2):
        _publish(exported, config, version)
    assert export_versions.roll_back(config.export_dir) == (2, 1)
    assert export.run(dataclasses.replace(config, k=5)).version_dir.name == "3"


def test_while_another_job_publishes_there_nothing_is_exported_or_taken_back(exported, config):
    for version in (1, 2):
        _publish(exported, config, version)
    with directory_lock.hold(pathlib.Path(config.export_dir), "export_dir"):
        with pytest.raises(artifacts.ArtifactError, match="Another run is publishing in"):
            export.run_alone(dataclasses.replace(config, k=5))
        with pytest.raises(artifacts.ArtifactError, match="Another run is publishing in"):
            export.roll_back(config.export_dir)
    assert _served(config.export_dir) == ["1", "2"]
    export.roll_back(config.export_dir)
    assert export_versions.numbers(config.export_dir) == [1]


@pytest.mark.usefixtures("tried_before")
def test_no_more_versions_stay_than_are_kept(exported, config):
    _publish(exported, config)
    for k in (10, 9):
        export.run(dataclasses.replace(config, k=k, keep_versions=2))
    assert _served(config.export_dir) == ["2", "3"]


def test_a_newer_candidate_table_is_served_without_training(exported, config, line, tmp_path):
    rows = line.log.candidates.read_text().splitlines()
    new = rows[1].replace("item-0", "item-new")
    (tmp_path / "items.csv").write_text("\n".join([rows[0], new, *rows[2:]]) + "\n")
    newer = dataclasses.replace(config, corpus=str(tmp_path / "items.csv"))
    result = export.run(newer)
    assert result.manifest["model_stamp"] == exported.manifest["model_stamp"]
    assert export.run(newer).reused
    score = tf.saved_model.load(str(result.version_dir)).signatures["score"]
    specs = score.structured_input_signature[1]
    inputs = {name: tf.zeros([0] * spec.shape.rank, spec.dtype) for name, spec in specs.items()}
    answer = score(**{**inputs, "candidate_ids": tf.constant([["item-new", "item-0", "item-1"]])})
    assert answer["valid"].numpy().tolist() == [[True, False, True]]


def test_filters_and_precomputed_queries_are_in_the_export_and_in_its_manifest(full_exported):
    inputs = full_exported.manifest["inputs"]["serving_default"]
    assert inputs["filter_tags"] == {"dtype": "string", "shape": [-1, -1]}
    assert inputs["use_precomputed"] == {"dtype": "bool", "shape": [-1]}
    assert full_exported.manifest["num_precomputed_queries"] == 160
