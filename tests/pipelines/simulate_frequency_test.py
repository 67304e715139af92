import dataclasses
import json
import os

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import artifacts, job, simulate_frequency


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return simulate_frequency.SimulateFrequencyConfig(
        output_dir=str(tmp_path_factory.mktemp("frequency") / "simulation"),
        rates=(0.5,),
        num_hashes=(4,),
        batch_sizes=(1024,),
        num_steps=40,
        num_repeat_steps=20,
        num_seeds=1,
    )


@pytest.fixture(scope="module")
def result(tiny):
    return simulate_frequency.run(tiny)


def test_a_tiny_run_writes_the_numbers_three_figures_and_its_runs(tiny, result):
    names = ["error_by_batch_size.png", "error_by_hashes.png", "error_by_rate.png", "frequency.json", "runs"]
    assert sorted(os.listdir(tiny.output_dir)) == names
    assert sorted(os.listdir(f"{tiny.output_dir}/runs")) == ["0.json"]
    with open(f"{tiny.output_dir}/frequency.json", encoding="utf-8") as file:
        assert json.load(file) == result


def test_the_curves_say_whose_they_are_at_equal_memory(result):
    curves = result["switch"]["curves"]
    whose = [(each["estimator"], each["learning_rate"], each["num_hashes"], each["num_buckets"]) for each in curves]
    assert whose == [
        ("paper", 0.5, 1, 5000),
        ("paper", 0.01, 4, 1250),
        ("multiscale", None, 4, 1250),
    ]
    assert {each["num_bytes"] for each in curves} == {40_000}
    assert all(len(each["mean_error"]) == len(result["switch"]["steps"]) for each in curves)
    assert [each["estimator"] for each in result["repeats"]["curves"]] == [
        "multiscale",
        "paper",
        "paper",
        "exact_counts",
    ]


def test_a_curve_is_the_mean_over_the_seeds():
    # Two seeds, two estimators, two checkpoints; the deviation of two numbers is half their difference.
    errors = [[[0.1, 0.2], [1.0, 2.0]], [[0.3, 0.2], [2.0, 4.0]]]
    first, second = simulate_frequency._curves([{"estimator": "a"}, {"estimator": "b"}], errors)
    assert (first["estimator"], second["estimator"]) == ("a", "b")
    assert first["mean_error"] == pytest.approx([0.2, 0.2])
    assert first["standard_deviation"] == pytest.approx([0.1, 0.0])
    assert second["mean_error"] == pytest.approx([1.5, 3.0])


def test_where_ids_repeat_the_default_is_near_exact_counts_and_the_paper_is_not(result):
    default, _, fast, exact = (each["mean_error"][0] for each in result["repeats"]["curves"])
    assert default < 1.5 * exact
    assert fast > 2 * default


def test_what_is_simulated_is_not_simulated_again_and_more_seeds_add_to_it(tiny, result, monkeypatch):
    simulated = []

    def simulate(config, seed, bar):
        simulated.append(seed)
        return artifacts.read_json(f"{tiny.output_dir}/runs/0.json")

    monkeypatch.setattr(simulate_frequency, "_simulate", simulate)
    assert simulate_frequency.run(tiny) == result
    assert simulated == []
    simulate_frequency.run(dataclasses.replace(tiny, num_seeds=2))
    assert simulated == [1]


def test_a_run_with_other_options_is_not_taken_for_this_one(tiny, result, tmp_path):
    path = tmp_path / "0.json"
    artifacts.write_json(path, artifacts.read_json(f"{tiny.output_dir}/runs/0.json"))
    assert simulate_frequency._read_run(path, tiny) is not None
    assert simulate_frequency._read_run(path, dataclasses.replace(tiny, num_repeat_steps=21)) is None


def test_the_step_before_the_switch_and_the_last_are_judged():
    checkpoints = simulate_frequency.SimulateFrequencyConfig("x").checkpoints
    assert {10_000, 11_000, 20_000} <= set(checkpoints)
    assert simulate_frequency.SimulateFrequencyConfig("x", num_steps=7).checkpoints == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"output_dir": ""}, "--output_dir must name a directory, but is ''."),
        ({"rates": (0.1, 0.0)}, r"--simulated_rates must be in \(0, 1\] each, but is \(0.1, 0.0\)."),
        ({"rates": ()}, r"--simulated_rates must be in \(0, 1\] each, but is \(\)."),
        ({"num_hashes": (0,)}, r"--simulated_num_hashes must be in \[1, 5000\] each"),
        ({"batch_sizes": (0,)}, "--simulated_batch_sizes must be >= 1 each"),
        ({"num_steps": 1}, "--simulated_steps must be >= 2, but is 1."),
        ({"num_repeat_steps": 0}, "--simulated_repeat_steps must be >= 1, but is 0."),
        ({"num_seeds": 0}, "--simulated_seeds must be >= 1, but is 0."),
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        simulate_frequency.SimulateFrequencyConfig(**{"output_dir": "x", **options})


@flagsaver.flagsaver
def test_the_flags_are_numbers_or_refused():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    flags.FLAGS.output_dir = "x"
    flags.FLAGS.simulated_rates = [".1", "1e-3"]
    assert simulate_frequency.config_from_flags().rates == (0.1, 0.001)
    flags.FLAGS.simulated_num_hashes = ["2", "two"]
    with pytest.raises(job.ConfigError, match="--simulated_num_hashes must be a list of numbers like 1,2,4, but is"):
        simulate_frequency.config_from_flags()
