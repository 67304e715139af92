import contextlib

import numpy as np
import pytest

from pipelines import progress, train, training_config
from tests.pipelines import conftest

_OPTIONS = {**conftest.TRAINING_OPTIONS, "early_stop_patience": 0, "dropout": 0.3}


def _job(line: conftest.Line, model_dir, **changes) -> train.TrainJobConfig:
    training = training_config.training_config({**_OPTIONS, **changes})
    return train.TrainJobConfig(line.prepared_dir, str(model_dir), training)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "lazy_adam", "table_learning_rate": 0.02, "weight_decay": 0.01, "clip_norm": 0.1},
        {"optimizer": "row_wise_adagrad", "schedule": "cosine", "warm_up_steps": 3, "decay_steps": 100},
    ],
    ids=lambda options: options["optimizer"],
)
def test_neither_resuming_nor_the_steps_of_an_execution_change_a_bit(line, tmp_path, options, monkeypatch):
    bars = []
    monkeypatch.setattr(progress, "progress_bar", lambda *args: bars.append(_Bar(*args)) or bars[-1])
    one = train.run(_job(line, tmp_path / "one", num_epochs=2, **options))
    train.run(_job(line, tmp_path / "many", num_epochs=1, steps_per_execution=4, **options))
    many = train.run(_job(line, tmp_path / "many", num_epochs=2, steps_per_execution=1000, **options))
    num_steps = one.num_steps // 2
    # The last execution of an epoch is cut to what is left; more than an epoch's steps are cut to those.
    assert num_steps > 4
    assert num_steps % 4
    fours = [*range(4, num_steps, 4), num_steps]
    assert [bar.shown for bar in bars] == [list(range(1, 2 * num_steps + 1)), fours, [2 * num_steps]]
    expected, actual = conftest.newest_state(tmp_path / "one"), conftest.newest_state(tmp_path / "many")
    assert expected.keys() == actual.keys()
    assert any("optimizer/tables" in name for name in expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, actual[name], err_msg=name)
    assert [record["loss"] for record in one.history] == [record["loss"] for record in many.history]
    assert all(type(record["loss"]) is float for record in one.history)


class _Bar(contextlib.nullcontext):
    """A progress bar that remembers every position."""

    def __init__(self, total, description, unit, initial):
        super().__init__(self)
        self.n = initial
        self.shown = []

    def update(self, steps):
        self.n += steps
        self.shown.append(self.n)

    def set_postfix(self, numbers):
        pass
