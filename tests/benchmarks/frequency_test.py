import json

import pytest

from benchmarks import frequency, frequency_cost
from pipelines import job


def test_an_unknown_part_is_refused_with_the_known_ones():
    with pytest.raises(job.ConfigError, match=r"--parts must be some of paper, switch, .*, but 'zipf' is among them"):
        frequency.FrequencyBenchmarkConfig(("zipf",))


def test_all_holds_only_if_every_part_does(monkeypatch):
    parts = {"paper": lambda sizes: {"holds": True}, "switch": lambda sizes: {"holds": False}}
    monkeypatch.setattr(frequency, "_PARTS", parts)
    assert frequency.run(frequency.FrequencyBenchmarkConfig(("paper",)))["holds"]
    result = frequency.run(frequency.FrequencyBenchmarkConfig(("paper", "switch")))
    assert not result["holds"]
    assert set(result["seconds"]) == {"paper", "switch"}


def test_one_json_line_on_stdout_and_the_table_on_stderr(capsys):
    result = {
        "switch": {
            "default": [0.03, 0.06],
            "rows": [{"ratio": 0.5, "seeds": 1200, "at": None, "fits": True}],
            "holds": False,
        }
    }
    frequency._print(result)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == result
    assert printed.out.count("\n") == 1
    assert printed.err.splitlines() == [
        "switch: DOES NOT HOLD",
        "    default 0.0300 0.0600",
        "    ratio 0.5000  seeds 1,200  at -  fits yes",
    ]


def test_the_cost_is_a_share_of_the_step_and_a_bucket_is_eight_bytes():
    part = frequency_cost.share_of_a_step(batch_size=32, num_repeats=1)
    assert part["share"] == pytest.approx(part["update_and_read_milliseconds"] / part["step_milliseconds"])
    assert part["bytes_per_bucket"] == {"multiscale": 8.0, "paper": 8.0}
