import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from pipelines import artifacts, export, export_gates, job, model_directory
from serving import manifest, warm_up_requests
from serving.index import brute_force
from tests.pipelines import prepared_tables


@pytest.fixture
def config(line, tmp_path):
    return export.ExportConfig(line.prepared_dir, line.model_dir, str(tmp_path / "shop"), "brute_force", 20)


def _served(export_dir: str) -> list[str]:
    return sorted(path.name for path in pathlib.Path(export_dir).iterdir())


def test_a_version_is_published_with_manifest_and_warm_up(config):
    result = export.run(config)
    assert _served(config.export_dir) == ["1"]
    content = manifest.read_manifest(result.version_dir)
    assert (content["index"], content["num_candidates"], content["index_recall_at_20"]) == (
        "brute_force_index",
        80,
        1.0,
    )
    assert content["inputs"]["history"] == {"dtype": "string", "shape": [-1, -1]}
    records = list(tf.data.TFRecordDataset(str(result.version_dir / warm_up_requests.PATH)))
    assert len(records) == 2


def test_the_same_export_is_not_published_twice_and_another_becomes_the_next_version(config):
    first, again = export.run(config), export.run(config)
    assert (again.reused, again.version_dir) == (True, first.version_dir)
    other = export.run(dataclasses.replace(config, k=10))
    assert (other.reused, other.version_dir.name) == (False, "2")


def test_k_above_the_corpus_is_refused(config):
    with pytest.raises(
        export_gates.ExportRefusedError, match=r"--k=81 asks for more candidates than the corpus .* \(80\); lower"
    ):
        export.run(dataclasses.replace(config, k=81))
    assert not pathlib.Path(config.export_dir).exists()


def test_an_index_below_the_recall_floor_is_refused_and_the_version_before_stays(config, monkeypatch):
    export.run(config)
    exact = brute_force.BruteForceIndex.search_rows

    def worst_first(self, query_embeddings, k):
        rows, scores = exact(self, -query_embeddings, k)
        return rows, -scores

    monkeypatch.setattr(brute_force.BruteForceIndex, "search_rows", worst_first)
    with pytest.raises(
        export_gates.ExportRefusedError, match=r"index_recall_at_10 is 0\.\d+, below the floor 0\.950, on 1000 tr"
    ):
        export.run(dataclasses.replace(config, k=10))
    assert _served(config.export_dir) == ["1"]


def test_a_failure_in_the_middle_of_writing_leaves_the_version_before_and_nothing_else(config, monkeypatch):
    export.run(config)

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


def test_index_recall_is_the_share_of_the_exact_answer():
    candidates = np.eye(4, dtype=np.float32)
    index = brute_force.BruteForceIndex(list("abcd"), candidates[[1, 0, 2, 3]])
    queries = np.array([[1.0, 0.5, 0.2, 0.0], [0.0, 0.0, 1.0, 0.5]], np.float32)
    # The index holds the first two vectors swapped: query 0 finds row 1 for row 0, query 1 is right.
    assert export_gates.measure_index_recall(index, queries, candidates, 1) == 0.5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"k": 0}, "--k must be >= 1, but is 0."),
        ({"index": "faiss"}, "--index must be one of auto, brute_force, scann, but is 'faiss'."),
        ({"min_index_recall": 1.5}, r"--min_index_recall must be in \[0, 1\], but is 1.5."),
        ({"export_dir": ""}, "--export_dir must name a directory, but is empty."),
    ],
)
def test_options_out_of_range_are_refused_with_a_sentence(config, changes, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        dataclasses.replace(config, **changes)


def test_a_version_without_a_readable_manifest_is_not_taken_for_the_same_export(config):
    first = export.run(config)
    (first.version_dir / "assets.extra" / "manifest.json").write_text(json.dumps({"format_version": 99}))
    assert export.run(config).version_dir.name == "2"


def test_a_version_below_the_floor_that_is_now_asked_for_is_not_reused(config, monkeypatch):
    monkeypatch.setattr(export_gates, "measure_index_recall", lambda *arguments: 0.5)
    export.run(dataclasses.replace(config, min_index_recall=0.0))
    with pytest.raises(export_gates.ExportRefusedError, match=r"is 0\.500, below the floor 0\.950"):
        export.run(config)


def test_a_damaged_version_is_not_taken_for_the_same_export(config):
    first = export.run(config)
    (first.version_dir / "variables" / "variables.index").unlink()
    assert export.run(config).version_dir.name == "2"


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


def test_an_export_that_answers_otherwise_elsewhere_is_refused(config, monkeypatch):
    monkeypatch.setattr(
        export.saved_model.ServedRecommender,
        "recommend",
        lambda self, features: (
            {"candidate_ids": self.index.search(self._embed(features), 20)[0][:, ::-1], "scores": tf.zeros([1, 20])}
            if tf.executing_eagerly()
            else {"candidate_ids": self.index.search(self._embed(features), 20)[0], "scores": tf.zeros([1, 20])}
        ),
    )
    with pytest.raises(export_gates.ExportRefusedError, match="through TensorFlow's C API where this process answers"):
        export.run(config)
    assert _served(config.export_dir) == []


def test_a_folder_whose_name_only_looks_like_a_number_is_no_version(config):
    (pathlib.Path(config.export_dir) / "\u00b2").mkdir(parents=True)
    assert export.run(config).version_dir.name == "1"


def test_k_is_the_corpus_where_that_is_below_the_default(config):
    assert export.run(dataclasses.replace(config, k=None)).manifest["k"] == 80


def test_a_file_in_place_of_the_directory_is_refused_at_once(config, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(job.ConfigError, match="file is a file; name a directory for the versions"):
        dataclasses.replace(config, export_dir=str(tmp_path / "file"))
