import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines import (
    job,
    learned_data,
    model_directory,
    prepared_data,
    train,
    training_config,
    warm_start,
)
from tests.pipelines import conftest, next_day
from tfrs_model import growth

_DAY = 24 * 60 * 60 * 1_000_000
_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 1}
_POLICY = growth.VocabularyPolicy(expire_after_days=2, expire_below_count=12)


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
    return next_day.prepare(tmp_path_factory.mktemp("next_day"))


def _job(line, prepared_dir, model_dir, policy=_POLICY, replay_days=0, **options) -> train.TrainJobConfig:
    training = training_config.training_config({**_OPTIONS, **options})
    start = warm_start.WarmStartConfig(line.model_dir, policy, replay_days=replay_days)
    return train.TrainJobConfig(prepared_dir, str(model_dir), training, warm_start=start)


@pytest.fixture(scope="module")
def trained(line, prepared_dir, tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("warm") / "model"
    return model_dir, train.run(_job(line, prepared_dir, model_dir))


def _interactions(prepared_dir):
    data = prepared_data.read_prepared_data(prepared_dir)
    examples = data.examples("train")
    ids = data.candidate_ids[examples.candidate_rows].tolist()
    return list(zip(ids, examples.timestamps.tolist(), strict=True))


def _learned(model_dir):
    return learned_data.LearnedData.read(model_directory.ModelPaths(model_dir).description)


def test_what_expired_is_what_was_rare_and_not_seen_for_days_and_is_reported(line, prepared_dir, trained):
    model_dir, result = trained
    first_day, both_days = _interactions(line.prepared_dir), _interactions(prepared_dir)
    until, now = max(moment for _, moment in first_day), max(moment for _, moment in both_days)
    newer = [each for each in both_days if each[1] > until]
    counts = collections.Counter(each for each, _ in first_day + newer)
    last_seen = dict(sorted(first_day + newer, key=lambda pair: pair[1]))
    known = {each for each, _ in first_day}
    expired = {each for each in known if counts[each] < 12 and now - last_seen[each] >= 2 * _DAY}
    new = {each for each, _ in newer} - known
    assert 0 < len(expired) < len(known)
    assert next_day.NEW_CANDIDATE in new
    assert result.vocabularies["candidate_id"] == {
        "known": len(known) - len(expired) + len(new),
        "new": len(new),
        "expired": len(expired),
        "waiting": 0,
        "forgotten": 0,
    }
    entries = _learned(model_dir).known["candidate_id"].as_dict()
    assert entries == {each: (counts[each], last_seen[each]) for each in (known - expired) | new}
    # As many rows are freed: the empty string and one bucket lie before those of the values.
    assert _variable(model_dir, "candidate_tower/_id_embedding").shape == (2 + len(entries), 16)


def _variable(model_dir, place):
    reader = tf.train.load_checkpoint(model_directory.ModelPaths(model_dir).best)
    (name,) = [each for each in reader.get_variable_to_shape_map() if place in each and each.endswith("VALUE")]
    return reader.get_tensor(name)


def test_steps_of_the_optimizer_and_the_clock_of_the_frequencies_go_on(line, trained):
    model_dir, result = trained
    assert result.num_steps > 0
    readers = [
        tf.train.load_checkpoint(model_directory.ModelPaths(each).checkpoints) for each in (line.model_dir, model_dir)
    ]
    for key in ("optimizer/_iterations", "model/task/_streaming_frequency/_estimator/step"):
        before, after = (int(each.get_tensor(f"{key}/.ATTRIBUTES/VARIABLE_VALUE")) for each in readers)
        assert after - before == result.num_steps, key


def test_only_what_is_newer_is_trained_on(line, prepared_dir, trained):
    until = max(moment for _, moment in _interactions(line.prepared_dir))
    num_newer = sum(moment > until for _, moment in _interactions(prepared_dir))
    assert trained[1].num_steps == -(-num_newer // _OPTIONS["batch_size"])


def test_with_replay_the_last_day_before_is_trained_on_again_and_nothing_is_counted_twice(
    line, prepared_dir, trained, tmp_path, monkeypatch
):
    # The log is of a few minutes.
    day = 300 * 1_000_000
    monkeypatch.setattr(warm_start, "_MICROSECONDS_PER_DAY", day)
    until = max(moment for _, moment in _interactions(line.prepared_dir))
    moments = [moment for _, moment in _interactions(prepared_dir)]
    num_trained = sum(moment > until - day for moment in moments)
    assert sum(moment > until for moment in moments) < num_trained < len(moments)
    result = train.run(_job(line, prepared_dir, tmp_path / "model", replay_days=1))
    assert result.num_steps == -(-num_trained // _OPTIONS["batch_size"])
    assert result.vocabularies == trained[1].vocabularies
    known = [_learned(each).known["candidate_id"].as_dict() for each in (trained[0], tmp_path / "model")]
    assert known[0] == known[1]


def test_statistics_stay_those_that_the_weights_were_trained_on(line, prepared_dir, trained):
    first, second, warm = (
        prepared_data.read_model_inputs(each)
        for each in (line.prepared_dir, prepared_dir, model_directory.ModelPaths(trained[0]).description)
    )
    means = [{each.name: each.mean for each in inputs.candidate_features}["price"] for inputs in (first, second, warm)]
    assert means[2] == means[0] != means[1]


def test_the_start_is_checkpoint_0_and_holds_known_rows_bit_for_bit(line, prepared_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_fit", _stop)
    with pytest.raises(KeyboardInterrupt):
        train.run(_job(line, prepared_dir, tmp_path / "model"))
    checkpoint = tf.train.latest_checkpoint(model_directory.ModelPaths(tmp_path / "model").checkpoints)
    assert checkpoint.endswith("-0")
    before = tf.train.latest_checkpoint(model_directory.ModelPaths(line.model_dir).checkpoints)
    key = "model/query_tower/_id_embedding/_table/embeddings/.ATTRIBUTES/VARIABLE_VALUE"
    old, new = (tf.train.load_checkpoint(each).get_tensor(key) for each in (before, checkpoint))
    names = [list(_learned(each).known["query_id"].values) for each in (line.model_dir, tmp_path / "model")]
    staying = [each for each in names[1] if each in names[0]]
    assert len(staying) > 100
    rows = [[2 + of_day.index(each) for each in staying] for of_day in names]
    np.testing.assert_array_equal(old[rows[0]], new[rows[1]])


def _stop(*args, **kwargs):
    raise KeyboardInterrupt


def test_a_start_that_was_interrupted_before_its_first_checkpoint_is_made_again(
    line, prepared_dir, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(growth, "carry_over", _stop)
    with pytest.raises(KeyboardInterrupt):
        train.run(_job(line, prepared_dir, tmp_path / "model"))
    monkeypatch.undo()
    train.run(_job(line, prepared_dir, tmp_path / "model"))
    for expected, actual in zip(
        conftest.tower_weights(trained[0]), conftest.tower_weights(tmp_path / "model"), strict=True
    ):
        np.testing.assert_array_equal(expected, actual)


def test_a_log_without_anything_newer_is_refused_with_both_ends(line, tmp_path):
    with pytest.raises(
        warm_start.WarmStartError,
        match=r"end at 2020-09-13T12:\d\d:\d\d\.0+ UTC, but .* has learned until 2020-09-13T.*with newer ones",
    ):
        train.run(_job(line, line.prepared_dir, tmp_path / "model"))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"embedding_dim": 8}, "--embedding_dim is 8 and was 16 in"),
        ({"optimizer": "adagrad"}, "--optimizer is 'adagrad' and was 'adam' in"),
        ({"seed": 1}, "--seed is 1 and was 0 in"),
        ({"use_query_id": False}, "--use_query_id is False and was True in"),
    ],
)
def test_options_that_cannot_be_continued_are_refused_before_a_directory_is_made(
    line, prepared_dir, tmp_path, options, sentence
):
    with pytest.raises(warm_start.WarmStartError, match=sentence):
        train.run(_job(line, prepared_dir, tmp_path / "model", **options))
    assert not (tmp_path / "model").exists()


def test_a_cosine_that_ended_on_earlier_days_is_refused(line, prepared_dir, tmp_path):
    with pytest.raises(job.ConfigError, match="is 0 from step --decay_steps=10 on"):
        train.run(_job(line, prepared_dir, tmp_path / "model", schedule="cosine", decay_steps=10))


def test_a_directory_without_a_model_is_refused(line, prepared_dir, tmp_path):
    config = _job(line, prepared_dir, tmp_path / "model")
    start = dataclasses.replace(config.warm_start, model_dir=str(tmp_path / "none"))
    with pytest.raises(model_directory.ModelDirectoryError, match="holds no model; train one"):
        train.run(dataclasses.replace(config, warm_start=start))


def test_going_on_in_the_directory_that_is_gone_on_from_is_refused(line, prepared_dir):
    with pytest.raises(job.ConfigError, match="--warm_start_dir and --model_dir must be two directories"):
        _job(line, prepared_dir, line.model_dir)


def test_unknown_new_rows_are_refused():
    with pytest.raises(job.ConfigError, match="--new_rows must be one of initial, unknown, but is 'zero'"):
        warm_start.WarmStartConfig("model", new_rows="zero")


def test_a_replay_of_a_negative_time_is_refused():
    with pytest.raises(job.ConfigError, match="--replay_days must be >= 0, but is -1"):
        warm_start.WarmStartConfig("model", replay_days=-1)


def test_another_policy_is_another_run(line, prepared_dir, trained):
    with pytest.raises(model_directory.ModelDirectoryError, match="holds a run with other options"):
        train.run(_job(line, prepared_dir, trained[0], growth.VocabularyPolicy()))
