import pytest

from benchmarks import frequency, frequency_cost
from pipelines import job


def test_an_unknown_part_is_refused_with_the_known_ones():
    with pytest.raises(job.ConfigError, match=r"--parts must be some of paper, switch, .*, but 'zipf' is among them"):
        frequency.FrequencyBenchmarkConfig(("zipf",))


def test_the_cost_is_a_share_of_the_step_and_a_bucket_is_eight_bytes():
    part = frequency_cost.share_of_a_step(batch_size=32, num_repeats=1)
    assert part["share"] == pytest.approx(part["update_and_read_milliseconds"] / part["step_milliseconds"])
    assert part["bytes_per_bucket"] == {"multiscale": 8.0, "paper": 8.0}
