import numpy as np

from pipelines import train, training_config
from tests.pipelines import conftest

_OPTIONS = {**conftest.TRAINING_OPTIONS, "num_epochs": 3, "early_stop_patience": 0, "dropout": 0.3}


def _job(line, model_dir, **changes):
    training = training_config.training_config({**_OPTIONS, **changes})
    return train.TrainJobConfig(line.prepared_dir, str(model_dir), training)


def test_a_run_that_is_given_up_goes_on_later_to_the_weights_of_an_undisturbed_one(line, tmp_path):
    seen = []

    def after_epoch_1(history):
        seen.append([record["epoch"] for record in history])
        return len(history) == 1

    given_up = train.run(_job(line, tmp_path / "given_up"), is_hopeless=after_epoch_1)
    assert [record["epoch"] for record in given_up.history] == [1]
    whole = train.run(_job(line, tmp_path / "given_up"), is_hopeless=lambda history: bool(seen.append(len(history))))
    undisturbed = train.run(_job(line, tmp_path / "undisturbed"))
    # Told of the epoch that the checkpoint holds, then of each that follows.
    assert seen == [[1], 1, 2, 3]
    assert [record["validation"] for record in whole.history] == [each["validation"] for each in undisturbed.history]
    weights = map(conftest.tower_weights, (tmp_path / "given_up", tmp_path / "undisturbed"))
    for expected, found in zip(*weights, strict=True):
        np.testing.assert_array_equal(expected, found)


def test_a_run_that_was_given_up_trains_nothing_while_it_is_still_hopeless(line, tmp_path):
    train.run(_job(line, tmp_path), is_hopeless=lambda history: True)
    again = train.run(_job(line, tmp_path), is_hopeless=lambda history: True)
    assert again.num_steps == 0
    assert len(again.history) == 1
