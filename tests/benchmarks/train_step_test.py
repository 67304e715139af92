import json

import pytest

from benchmarks import large_batch, step_growth, step_loss, train_step
from pipelines import job


def test_an_unknown_part_is_refused():
    with pytest.raises(job.ConfigError, match="--step_parts must be some of loss, large_batch, fit, growth, but 'x'"):
        train_step.TrainStepBenchmarkConfig(("x",))


def test_the_json_line_holds_the_parts_that_were_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(train_step, "_PARTS", {"loss": lambda: {"holds": True}, "fit": lambda: {"holds": False}})
    result = train_step.run(train_step.TrainStepBenchmarkConfig(("loss",)))
    assert json.loads(json.dumps(result))["loss"] == {"holds": True}
    assert "fit" not in result


def test_times_of_the_loss_are_ratios_of_what_was_measured():
    part = step_loss.beside_tfrs(batch_size=64, num_repeats=1)
    assert [row["variant"] for row in part["rows"]] == ["plain", "hits_removed"]
    for row in part["rows"]:
        speeds = row["our_examples_per_second"] / row["tfrs_examples_per_second"]
        assert row["times_tfrs"] == pytest.approx(speeds)
    assert part["holds"] == all(row["times_tfrs"] >= 1.8 for row in part["rows"])


def test_both_models_of_the_fit_comparison_train():
    part = step_growth.fit_beside_tutorial(batch_size=32, num_queries=50, num_candidates=40)
    assert part["times_tfrs"] == pytest.approx(part["tfrs_milliseconds"] / part["ours_milliseconds"])


def test_a_step_with_everything_switched_on_is_learned_from():
    measured = large_batch._steps(batch_size=64, bank_size=64, num_steps=4)
    assert measured["is_trained"]
    assert measured["peak_memory_bytes"] >= measured["memory_bytes_before_the_first_step"] > 0
