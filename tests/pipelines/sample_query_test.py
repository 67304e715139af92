import pytest

from pipelines import prepared_data, sample_query
from tests.pipelines import prepared_tables
from tfrs_model import model_config

_SECOND = 1_000_000
# Query "b" has the newest test interaction and three before it, fewer than the model reads.
_ROWS = [
    ("a", "v", 1 * _SECOND, "train", 0),
    ("a", "w", 9 * _SECOND, "test", 1),
    ("b", "x", 2 * _SECOND, "train", 0),
    ("b", "y", 3 * _SECOND, "train", 1),
    ("b", "v", 5 * _SECOND, "validation", 2),
    ("b", "w", 10 * _SECOND, "test", 3),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("vwxy")))


def test_the_newest_query_stands_as_before_its_newest_interaction(data):
    query = sample_query.newest(data, model_config.ModelConfig(history_length=5))
    assert (query.query_id, query.history, query.moments) == ("b", ["x", "y", "v"], {})
    assert query.chosen_before == {"x", "y", "v"}


def test_a_model_that_reads_moments_is_told_those_of_the_data_and_none_of_the_filling(data):
    query = sample_query.newest(data, model_config.ModelConfig(history_length=5, reads_moment=True))
    assert query.moments == {"history_timestamps": [2 * _SECOND, 3 * _SECOND, 5 * _SECOND], "moment": 10 * _SECOND}
    assert "moment" not in query.features
    last_two = sample_query.newest(
        data, model_config.ModelConfig(history_length=2, history_encoder="self_attention", history_time_gaps=True)
    )
    assert last_two.moments == {"history_timestamps": [3 * _SECOND, 5 * _SECOND]}


def test_a_model_without_histories_is_sent_none(data):
    assert sample_query.newest(data, model_config.ModelConfig(history_length=0)).history == []
