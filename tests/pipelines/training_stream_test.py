import pytest

from pipelines import feeding, job, prepared_data, training_config, training_stream
from tests.pipelines import prepared_tables
from tfrs_model import model_config
from tfrs_model import schema as schema_lib

_ROWS = [(f"q{q}", "abcdef"[i % 6], i, "train", i) for q in range(3) for i in range(8)]


def _stream(tmp_path, every_position, timestamp="timestamp", batch_size=8, **model):
    roles = schema_lib.InteractionColumns(timestamp=timestamp)
    directory = prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcdef"), schema_lib.Schema(roles))
    data = prepared_data.read_prepared_data(directory)
    training = training_config.TrainingConfig(
        model_config.ModelConfig(history_length=4, **model), batch_size=batch_size, every_position=every_position
    )
    return training_stream.open_stream(feeding.Feeder(data, 4), data.examples("train"), training)


@pytest.mark.parametrize("every_position", [False, True])
def test_an_epoch_holds_every_interaction_once(tmp_path, every_position):
    stream = _stream(tmp_path, every_position)
    pairs = [
        pair
        for batch in stream.batches(0, stream.steps_per_epoch)
        for pair in zip(batch["query"]["query_id"].numpy(), batch["candidate"]["candidate_id"].numpy(), strict=True)
    ]
    assert sorted(pairs) == sorted((query.encode(), candidate.encode()) for query, candidate, *_ in _ROWS)


def test_batches_of_windows_hold_about_as_many_interactions_as_asked_for(tmp_path):
    # Stride 2 makes 4 windows of 2 interactions for each of 3 queries.
    stream = _stream(tmp_path, True, batch_size=8)
    assert stream.steps_per_epoch == 3
    assert [len(batch["weight"]) for batch in stream.batches(0, 3)] == [8, 8, 8]


def test_positions_of_a_log_without_time_are_refused(tmp_path):
    with pytest.raises(job.ConfigError, match="the log has no time; name its column in the schema, or train"):
        _stream(tmp_path, True, timestamp=None)


def test_time_gaps_of_a_log_without_time_are_refused(tmp_path):
    with pytest.raises(job.ConfigError, match="read the time of interactions, but the log has none"):
        _stream(tmp_path, False, timestamp=None, history_encoder="self_attention", history_time_gaps=True)
