import pathlib

import pytest

from pipelines import model_directory, prepared_data, train
from pipelines.comparison import trained
from tests.pipelines import conftest


class _StoppedError(Exception):
    pass


@pytest.fixture
def resumes(monkeypatch):
    """Returns whether each training that was begun found what the one before left; none goes any further."""
    begun = []

    def begin(config, build_model):
        left = pathlib.Path(config.model_dir) / "checkpoint"
        begun.append(left.exists())
        left.parent.mkdir(parents=True, exist_ok=True)
        left.touch()
        raise _StoppedError

    monkeypatch.setattr(train, "run", begin)
    return begun


def _begin(data, directory, **options):
    with pytest.raises(_StoppedError):
        trained.train_and_ask(data, options, 0, directory)


def test_an_interrupted_training_is_continued_and_one_of_another_origin_discarded(line, tmp_path, resumes, monkeypatch):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    for _ in range(2):
        _begin(data, tmp_path / "work", **conftest.TRAINING_OPTIONS)
    _begin(data, tmp_path / "work", **{**conftest.TRAINING_OPTIONS, "num_epochs": 3})
    monkeypatch.setattr(model_directory, "training_source_sha256", lambda: "of changed code")
    _begin(data, tmp_path / "work", **{**conftest.TRAINING_OPTIONS, "num_epochs": 3})
    assert resumes == [False, True, False, False]
