import pathlib

import numpy as np
import pytest

from pipelines import evaluate, export, job, served_answers


@pytest.fixture(scope="module")
def exact(line, tmp_path_factory):
    """Returns what an evaluation says of an export whose index is exact."""
    export_dir = tmp_path_factory.mktemp("exact") / "shop"
    export.run(export.ExportConfig(line.prepared_dir, line.model_dir, str(export_dir), "brute_force", 20))
    return evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, version_dir=str(export_dir / "1")))


def test_an_exact_index_loses_nothing(exact):
    assert (exact["index"]["index"], exact["index"]["index_recall_at_10"]) == ("brute_force_index", 1.0)
    for metric in ("recall_at_10", "ndcg_at_10"):
        same = exact["model"][metric]
        assert exact["index"][metric] == {"exact": same, "served": same, "loss": 0.0}


def test_what_an_approximate_index_loses_is_the_difference(line):
    version_dir = next(pathlib.Path(line.export_dir).iterdir())
    found = evaluate.run(evaluate.EvaluateConfig(line.prepared_dir, line.model_dir, version_dir=str(version_dir)))
    recall = found["index"]["recall_at_10"]
    assert found["index"]["index"] == "scann_index"
    assert 0.9 <= found["index"]["index_recall_at_10"] <= 1.0
    assert recall["loss"] == pytest.approx(recall["exact"] - recall["served"])
    assert recall["exact"] == pytest.approx(found["model"]["recall_at_10"])


def test_index_recall_is_the_share_of_the_exact_answers_that_are_served():
    exact = np.array([[0, 1, 2], [3, -1, -1]])
    assert served_answers.index_recall(exact, np.array([[2, 0, 9], [3, 4, -1]])) == pytest.approx(3 / 4)
    assert served_answers.index_recall(exact, np.array([[-1, -1, -1], [-1, -1, -1]])) == 0.0


def test_an_export_of_another_model_is_refused(line):
    version_dir = next(pathlib.Path(line.export_dir).iterdir())
    with pytest.raises(job.ConfigError, match="--version_dir must be an export of the model in --model_dir, but"):
        served_answers.require_export_of(version_dir, "another stamp")
