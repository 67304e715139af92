import dataclasses

import pytest

from pipelines import export_flags, job


@pytest.fixture
def config(tmp_path):
    return export_flags.ExportConfig("prepared", "model", str(tmp_path / "shop"), "brute_force", 20)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"k": 0}, "--k must be >= 1, but is 0."),
        ({"index": "faiss"}, "--index must be one of auto, brute_force, scann, partitioned, but is 'faiss'."),
        ({"min_index_recall": 1.5}, r"--min_index_recall must be in \[0, 1\], but is 1.5."),
        ({"k": 30, "max_k": 20}, "--k must not exceed --max_k=20, but is 30."),
        ({"max_metric_loss": -0.1}, r"--max_metric_loss must be in \[0, 1\], but is -0.1."),
        ({"export_dir": ""}, "--export_dir must name a directory, but is empty."),
    ],
)
def test_options_out_of_range_are_refused_with_a_sentence(config, changes, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        dataclasses.replace(config, **changes)


def test_a_file_in_place_of_the_directory_is_refused_at_once(config, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(job.ConfigError, match="file is a file; name a directory for the versions"):
        dataclasses.replace(config, export_dir=str(tmp_path / "file"))
