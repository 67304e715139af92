import json

import numpy as np
import pytest

from pipelines import artifacts, prepared_data
from tests.pipelines import prepared_tables

# Query q: two simultaneous training rows at time 2, then validation at 3, test at 3 and at 4.
_ROWS = [
    ("p", "c", 5, "train", 0),
    ("q", "a", 1, "train", 0),
    ("q", "b", 2, "train", 1),
    ("q", "c", 2, "train", 1),
    ("q", "d", 3, "validation", 3),
    ("q", "e", 3, "test", 3),
    ("q", "a", 4, "test", 5),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


def _histories(examples: prepared_data.Examples) -> list[list[int]]:
    bounds = zip(examples.history_begin, examples.history_end, strict=True)
    return [examples.sequence[begin:end].tolist() for begin, end in bounds]


def test_a_training_row_sees_strictly_earlier_training_rows_of_its_query(data):
    examples = data.examples("train")
    assert examples.candidate_rows.tolist() == [2, 0, 1, 2]
    assert _histories(examples) == [[], [], [0], [0]]


def test_a_test_row_sees_everything_before_it_and_nothing_of_the_same_second(data):
    assert _histories(data.examples("validation")) == [[0, 1, 2]]
    assert _histories(data.examples("test")) == [[0, 1, 2], [0, 1, 2, 3, 4]]


def test_taking_examples_keeps_their_histories(data):
    assert _histories(data.examples("test").take(np.array([1]))) == [[0, 1, 2, 3, 4]]


def test_training_counts_count_training_rows_only(data):
    assert data.training_counts().tolist() == [1, 1, 2, 0, 0]


def test_seen_before_test_is_train_and_validation(data):
    query_rows, candidate_rows = data.seen_before("test")
    assert query_rows.tolist() == [0, 1, 1, 1, 1]
    assert candidate_rows.tolist() == [2, 0, 1, 2, 3]


def test_a_constant_numeric_feature_is_divided_by_one(data):
    inputs = prepared_data.read_model_inputs(data.paths.directory)
    assert inputs.query_features[0].standard_deviation == 1.0
    assert inputs.candidate_features[0].vocabulary == ("a", "b")


def test_an_unknown_split_and_an_empty_split_are_refused(tmp_path):
    only_train = prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "p", _ROWS[:4], list("abcde")))
    with pytest.raises(
        prepared_data.PreparedDataError, match="split must be one of train, validation, test, but is 'dev'"
    ):
        only_train.examples("dev")
    with pytest.raises(prepared_data.PreparedDataError, match=r"Split 'test' of .* has no interactions; prepare"):
        only_train.examples("test")
    assert not only_train.has_split("test")


def test_another_format_version_is_refused(tmp_path):
    directory = prepared_tables.write(tmp_path / "p", _ROWS, list("abcde"))
    path = artifacts.PreparedPaths(directory).manifest
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 2}))
    with pytest.raises(
        prepared_data.PreparedDataError, match="format_version 2, but this version reads 1; run prepare_data"
    ):
        prepared_data.read_prepared_data(directory)


def test_a_missing_directory_is_one_sentence(tmp_path):
    with pytest.raises(artifacts.ArtifactError, match=r"manifest\.json does not exist"):
        prepared_data.read_prepared_data(tmp_path / "nowhere")
