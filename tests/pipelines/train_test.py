import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf

from pipelines import artifacts, model_directory, train, training_config
from tests.pipelines import conftest

_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 4, "early_stop_patience": 0, "dropout": 0.3}


def _job(line: conftest.Line, model_dir, **changes) -> train.TrainJobConfig:
    training = training_config.training_config({**_OPTIONS, **changes})
    return train.TrainJobConfig(line.prepared_dir, str(model_dir), training)


def _weights(model_dir) -> list[np.ndarray]:
    model = model_directory.restore_model(model_dir)
    return [weight.numpy() for weight in (*model.query_tower.weights, *model.candidate_tower.weights)]


def _state(model_dir) -> dict[str, np.ndarray]:
    """Everything in the newest checkpoint but the wall clock in its history."""
    reader = tf.train.load_checkpoint(model_directory.ModelPaths(model_dir).checkpoints)
    names = [
        name for name in reader.get_variable_to_shape_map() if "history" not in name and "save_counter" not in name
    ]
    return {name: reader.get_tensor(name) for name in names if name != "_CHECKPOINTABLE_OBJECT_GRAPH"}


def test_a_run_resumed_after_each_epoch_ends_with_the_bits_of_an_undisturbed_one(line, tmp_path):
    train.run(_job(line, tmp_path / "undisturbed"))
    for num_epochs in (1, 3, 4):
        train.run(_job(line, tmp_path / "resumed", num_epochs=num_epochs))
    undisturbed, resumed = _state(tmp_path / "undisturbed"), _state(tmp_path / "resumed")
    assert undisturbed.keys() == resumed.keys()
    # Towers, optimizer slots, frequency arrays and dropout counters are all among them.
    for part in ("query_tower", "optimizer", "counts_65536", "exact_copies", "num_calls"):
        assert any(part in name for name in undisturbed), part
    for name, value in undisturbed.items():
        np.testing.assert_array_equal(value, resumed[name], err_msg=name)


def test_an_exception_in_the_middle_of_an_epoch_loses_that_epoch_only(line, tmp_path, monkeypatch):
    train.run(_job(line, tmp_path / "undisturbed"))

    def die_in_epoch_2(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.training_state.EpochEnd, "on_epoch_begin", die_in_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        train.run(_job(line, tmp_path / "killed"))
    monkeypatch.undo()
    assert (
        train.run(_job(line, tmp_path / "killed")).num_steps * 2 == train.run(_job(line, tmp_path / "fresh")).num_steps
    )
    for expected, actual in zip(_weights(tmp_path / "undisturbed"), _weights(tmp_path / "killed"), strict=True):
        np.testing.assert_array_equal(expected, actual)


def test_a_finished_run_has_nothing_left_to_do(line, tmp_path):
    first = train.run(_job(line, tmp_path / "model", num_epochs=1))
    again = train.run(_job(line, tmp_path / "model", num_epochs=1))
    assert (first.num_steps > 0, again.num_steps, again.history) == (True, 0, first.history)


def test_another_seed_gives_other_weights(line, tmp_path):
    train.run(_job(line, tmp_path / "a", num_epochs=1))
    train.run(_job(line, tmp_path / "b", num_epochs=1, seed=1))
    assert not np.array_equal(_weights(tmp_path / "a")[0], _weights(tmp_path / "b")[0])


def test_a_directory_of_another_run_is_refused_and_untouched(line, tmp_path):
    train.run(_job(line, tmp_path / "model", num_epochs=1))
    before = _weights(tmp_path / "model")
    with pytest.raises(
        model_directory.ModelDirectoryError, match="other options, another seed or other data, which can"
    ):
        train.run(_job(line, tmp_path / "model", num_epochs=1, learning_rate=0.5))
    for expected, actual in zip(before, _weights(tmp_path / "model"), strict=True):
        np.testing.assert_array_equal(expected, actual)


def test_noresume_discards_the_run_that_is_there(line, tmp_path):
    train.run(_job(line, tmp_path / "model", num_epochs=1))
    config = dataclasses.replace(_job(line, tmp_path / "model", num_epochs=1, seed=5), resume=False)
    assert train.run(config).num_steps > 0


def test_training_stops_early_and_keeps_the_best_epoch(line, tmp_path):
    result = train.run(_job(line, tmp_path / "model", num_epochs=30, early_stop_patience=1))
    recalls = [record["validation"]["recall_at_10"] for record in result.history]
    assert len(recalls) < 30
    assert result.best_epoch == 1 + recalls.index(max(recalls)) == len(recalls) - 1
    assert os.listdir(model_directory.ModelPaths(tmp_path / "model").tensorboard)


def _curves(model_dir):
    """Returns the value per epoch of each curve of the run `frequency`, by name."""
    curves = {}
    for path in sorted((model_directory.ModelPaths(model_dir).tensorboard / "frequency").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                curves.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return curves


def test_the_health_of_the_frequencies_is_a_curve_over_all_epochs_of_both_runs(line, tmp_path):
    for num_epochs in (2, 4):
        train.run(_job(line, tmp_path / "model", num_epochs=num_epochs))
    curves = _curves(tmp_path / "model")
    names = {"frequency/buckets_in_use", "frequency/collision_rate", "frequency/mean_log_error"}
    assert {name: sorted(curve) for name, curve in curves.items()} == {name: [0, 1, 2, 3] for name in names}
    in_use = curves["frequency/buckets_in_use"]
    # One bucket a candidate in each of four rows: 1 - 1 / e are hit, and the chance to hit only those is its 4th power.
    assert in_use[3] == pytest.approx(1 - np.exp(-1), abs=0.1)
    assert curves["frequency/collision_rate"][3] == pytest.approx(in_use[3] ** 4, rel=0.1)
    # Later epochs bring the same interactions in another order.
    assert curves["frequency/mean_log_error"][3] < 0.2


def test_the_paper_estimator_can_be_trained_with_and_no_correction_has_no_curves(line, tmp_path):
    train.run(_job(line, tmp_path / "paper", num_epochs=1, frequency_estimator="paper"))
    assert any("mean_gap" in name for name in _state(tmp_path / "paper"))
    assert len(_curves(tmp_path / "paper")) == 3
    train.run(_job(line, tmp_path / "plain", num_epochs=1, log_q_correction=False))
    assert not (model_directory.ModelPaths(tmp_path / "plain").tensorboard / "frequency").exists()


def test_the_history_is_written_for_people_too(line, tmp_path):
    result = train.run(_job(line, tmp_path / "model", num_epochs=2))
    assert artifacts.read_json(model_directory.ModelPaths(tmp_path / "model").history) == result.history


def test_missing_prepared_data_is_one_sentence(tmp_path):
    config = train.TrainJobConfig(str(tmp_path / "none"), str(tmp_path / "m"), training_config.training_config({}))
    with pytest.raises(artifacts.ArtifactError, match=r"manifest\.json does not exist; run the job that writes it"):
        train.run(config)
    assert not (tmp_path / "m").exists()


def test_a_model_directory_without_a_finished_epoch_cannot_be_restored(line, tmp_path):
    with pytest.raises(model_directory.ModelDirectoryError, match="holds no model; train one"):
        model_directory.restore_model(tmp_path)
