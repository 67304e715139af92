import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from pipelines import artifacts, job, model_directory, train, training_config, training_state
from tests.pipelines import conftest, prepared_tables
from tfrs_model import model_config
from tfrs_model import schema as schema_lib

_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 4, "early_stop_patience": 0, "dropout": 0.3}


def _job_on(prepared_dir: str, model_dir, **changes) -> train.TrainJobConfig:
    training = training_config.training_config({**_OPTIONS, **changes})
    return train.TrainJobConfig(prepared_dir, str(model_dir), training)


def _job(line: conftest.Line, model_dir, **changes) -> train.TrainJobConfig:
    return _job_on(line.prepared_dir, model_dir, **changes)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run that several tests read; none may change it, but copies of it."""

    model_dir: pathlib.Path
    result: train.TrainResult

    def copy(self, model_dir: pathlib.Path) -> pathlib.Path:
        return shutil.copytree(self.model_dir, model_dir)


@pytest.fixture(scope="module")
def undisturbed(line, tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("undisturbed") / "model"
    return Trained(model_dir, train.run(_job(line, model_dir)))


@pytest.fixture(scope="module")
def one_epoch(line, tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("one_epoch") / "model"
    return Trained(model_dir, train.run(_job(line, model_dir, num_epochs=1)))


@pytest.fixture(scope="module")
def resumed(line, one_epoch, tmp_path_factory):
    model_dir = one_epoch.copy(tmp_path_factory.mktemp("resumed") / "model")
    results = [train.run(_job(line, model_dir, num_epochs=num_epochs)) for num_epochs in (3, 4)]
    return Trained(model_dir, results[-1])


@pytest.fixture(scope="module")
def begun_anew(line, one_epoch, tmp_path_factory):
    """A run of another seed, by --noresume where another run was, beside a file of somebody else."""
    model_dir = one_epoch.copy(tmp_path_factory.mktemp("begun_anew") / "model")
    (model_dir / "precious.txt").write_text("mine")
    config = dataclasses.replace(_job(line, model_dir, num_epochs=1, seed=5), resume=False)
    return Trained(model_dir, train.run(config))


def test_a_run_resumed_after_each_epoch_ends_with_the_bits_of_an_undisturbed_one(undisturbed, resumed):
    expected, actual = conftest.newest_state(undisturbed.model_dir), conftest.newest_state(resumed.model_dir)
    assert expected.keys() == actual.keys()
    # Towers, optimizer slots, frequency arrays and dropout counters are all among them.
    for part in ("query_tower", "optimizer", "counts_65536", "exact_copies", "num_calls"):
        assert any(part in name for name in expected), part
    for name, value in expected.items():
        np.testing.assert_array_equal(value, actual[name], err_msg=name)


def test_a_cosine_that_ends_before_the_run_is_refused_before_a_directory_is_made(line, tmp_path):
    with pytest.raises(job.ConfigError, match=r"is 0 from step --decay_steps=3 on, but 4 epochs make \d+ steps"):
        train.run(_job(line, tmp_path / "model", schedule="cosine", decay_steps=3))
    assert not (tmp_path / "model").exists()


def test_an_exception_in_the_middle_of_an_epoch_loses_that_epoch_only(undisturbed, line, tmp_path, monkeypatch):
    def die_in_epoch_2(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.training_state.EpochEnd, "on_epoch_begin", die_in_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        train.run(_job(line, tmp_path / "killed"))
    monkeypatch.undo()
    assert train.run(_job(line, tmp_path / "killed")).num_steps * 2 == undisturbed.result.num_steps
    for expected, actual in zip(
        conftest.tower_weights(undisturbed.model_dir), conftest.tower_weights(tmp_path / "killed"), strict=True
    ):
        np.testing.assert_array_equal(expected, actual)


def test_a_finished_run_has_nothing_left_to_do(one_epoch, line, tmp_path):
    first, again = one_epoch.result, train.run(_job(line, one_epoch.copy(tmp_path / "model"), num_epochs=1))
    assert (first.num_steps > 0, again.num_steps, again.history) == (True, 0, first.history)


def test_another_seed_gives_other_weights(one_epoch, begun_anew):
    weights = [conftest.tower_weights(each.model_dir)[0] for each in (one_epoch, begun_anew)]
    assert not np.array_equal(*weights)


def test_a_directory_of_another_run_is_refused_and_untouched(one_epoch, line, tmp_path):
    one_epoch.copy(tmp_path / "model")
    before = conftest.tower_weights(tmp_path / "model")
    with pytest.raises(
        model_directory.ModelDirectoryError, match="other options, another seed, other data or of other code"
    ):
        train.run(_job(line, tmp_path / "model", num_epochs=1, learning_rate=0.5))
    for expected, actual in zip(before, conftest.tower_weights(tmp_path / "model"), strict=True):
        np.testing.assert_array_equal(expected, actual)


def test_noresume_discards_the_run_that_is_there(begun_anew):
    assert begun_anew.result.num_steps > 0
    assert [record["epoch"] for record in begun_anew.result.history] == [1]
    assert model_directory.read_description(begun_anew.model_dir).seed == 5


def test_training_stops_early_and_keeps_the_best_epoch(line, tmp_path):
    result = train.run(_job(line, tmp_path / "model", num_epochs=30, early_stop_patience=1))
    recalls = [record["validation"]["recall_at_10"] for record in result.history]
    assert len(recalls) < 30
    assert result.best_epoch == 1 + recalls.index(max(recalls)) == len(recalls) - 1
    curves = _curves(tmp_path / "model", "train")
    health = {"positive_probability", "logit_spread", "masked_share", "temperature", "query_norm", "candidate_norm"}
    speed = {"examples_per_second", "input_load"}
    assert {f"epoch_{name}" for name in {"loss", "validation_recall_at_10"} | health | speed} <= set(curves)
    assert all(0.0 < load < 1.0 for load in curves["epoch_input_load"].values())


def _curves(model_dir, run="frequency"):
    """Returns the value per epoch of each curve of a TensorBoard run, by name."""
    curves = {}
    for path in sorted((model_directory.ModelPaths(model_dir).tensorboard / run).glob("*tfevents*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                curves.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return curves


def test_the_health_of_the_frequencies_is_a_curve_over_all_epochs_of_all_runs(resumed):
    curves = _curves(resumed.model_dir)
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
    assert any("mean_gap" in name for name in conftest.newest_state(tmp_path / "paper"))
    assert len(_curves(tmp_path / "paper")) == 3
    train.run(_job(line, tmp_path / "plain", num_epochs=1, log_q_correction="none"))
    assert not (model_directory.ModelPaths(tmp_path / "plain").tensorboard / "frequency").exists()


def test_the_history_is_written_for_people_too(undisturbed):
    history = artifacts.read_json(model_directory.ModelPaths(undisturbed.model_dir).history)
    assert history == undisturbed.result.history


def test_missing_prepared_data_is_one_sentence(tmp_path):
    config = train.TrainJobConfig(str(tmp_path / "none"), str(tmp_path / "m"), training_config.training_config({}))
    with pytest.raises(artifacts.ArtifactError, match=r"manifest\.json does not exist; run the job that writes it"):
        train.run(config)
    assert not (tmp_path / "m").exists()


def test_a_model_directory_without_a_finished_epoch_cannot_be_restored(line, tmp_path):
    with pytest.raises(model_directory.ModelDirectoryError, match="holds no model; train one"):
        model_directory.read_description(tmp_path)
    with pytest.raises(
        model_directory.ModelDirectoryError, match="has no finished epoch; run train again with --resume"
    ):
        model_directory.best_checkpoint_name(tmp_path)


def test_noresume_removes_nothing_but_what_training_wrote(begun_anew):
    assert (begun_anew.model_dir / "precious.txt").read_text() == "mine"


def test_checkpoints_of_another_run_are_refused(one_epoch, begun_anew, line, tmp_path):
    one_epoch.copy(tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "description")
    with pytest.raises(
        model_directory.ModelDirectoryError, match="checkpoints of a run whose description is gone; disc"
    ):
        train.run(_job(line, tmp_path / "a", num_epochs=2, seed=99))
    shutil.copytree(begun_anew.model_dir / "description", tmp_path / "a" / "description")
    with pytest.raises(model_directory.ModelDirectoryError, match="is of another run than"):
        train.run(_job(line, tmp_path / "a", num_epochs=2, seed=5))


def test_lost_best_towers_and_damaged_checkpoints_are_refused(one_epoch, line, tmp_path):
    model_dir = one_epoch.copy(tmp_path / "model")
    newest = tf.train.latest_checkpoint(model_dir / "checkpoints")
    pathlib.Path(f"{newest}.index").write_bytes(b"no index")
    with pytest.raises(
        model_directory.ModelDirectoryError, match="is damaged, incomplete or gone; train on with --resume"
    ):
        train.run(_job(line, model_dir, num_epochs=2))
    shutil.rmtree(model_dir / "best")
    with pytest.raises(model_directory.ModelDirectoryError, match="has no finished epoch"):
        model_directory.best_checkpoint_name(model_dir)


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_nothing_of_the_epoch(line, tmp_path):
    with pytest.raises(training_state.TrainingDivergedError, match="The loss of epoch 1 is nan; nothing of this epoch"):
        train.run(_job(line, tmp_path, num_epochs=1, learning_rate=1e38, optimizer="adagrad"))
    assert tf.train.latest_checkpoint(tmp_path / "checkpoints") is None


def test_the_recorded_loss_is_the_mean_of_the_epoch(line, tmp_path, monkeypatch):
    losses = []
    note = training_state.EpochEnd.on_train_batch_end

    def spy(self, batch, logs=None):
        losses.append(float(logs["loss"]))
        note(self, batch, logs)

    monkeypatch.setattr(training_state.EpochEnd, "on_train_batch_end", spy)
    history = train.run(_job(line, tmp_path, num_epochs=1)).history
    assert history[0]["loss"] == pytest.approx(np.mean(losses))


def test_a_query_without_anything_to_encode_is_refused_before_a_directory_is_made(line, tmp_path):
    rows = [("p", "a", 1, "train", 0), ("p", "b", 2, "train", 1)]
    data = prepared_tables.write(tmp_path / "data", rows, ["a", "b"], schema_lib.Schema())
    options = training_config.training_config({"use_query_id": False, "history_length": 0})
    with pytest.raises(
        model_config.ModelConfigError, match="A query needs an id, a history or a feature to be encoded"
    ):
        train.run(train.TrainJobConfig(data, str(tmp_path / "model"), options))
    assert not (tmp_path / "model").exists()


def test_without_a_validation_interaction_left_to_ask_for_the_last_towers_are_kept(tmp_path):
    rows = [("p", "a", 1, "train", 0), ("p", "b", 2, "train", 1), ("p", "a", 3, "validation", 2)]
    data = prepared_tables.write(tmp_path / "data", rows, ["a", "b"], schema_lib.Schema())
    result = train.run(_job_on(data, tmp_path / "model", num_epochs=2))
    assert (result.best_epoch, result.history[0]["validation"]) == (2, None)


def test_the_curves_go_where_the_flag_says(line, tmp_path):
    config = dataclasses.replace(_job(line, tmp_path / "model", num_epochs=1), tensorboard_dir=str(tmp_path / "curves"))
    train.run(config)
    assert sorted(path.name for path in (tmp_path / "curves").iterdir()) == ["frequency", "train"]
    assert not model_directory.ModelPaths(tmp_path / "model").tensorboard.exists()
