import json

import numpy as np
import pytest

from benchmarks import history_encoder_step, history_encoders
from pipelines import job

_NAMES = [
    *("one_pass", "attention_products"),
    *("mean", "recency_weighted_mean", "gru", "self_attention", "self_attention_time_gaps"),
]


def _measured(seconds_of_self_attention):
    def measure(module, name, trained, num_rows, length, num_repeats):
        assert (module, num_repeats) == ("benchmarks.history_encoder_step", 2)
        seconds = seconds_of_self_attention if name == "self_attention" and trained == "every_position" else 0.5
        return {"seconds": seconds, "bytes_before": 5_000_000, "peak_bytes": 8_000_000}

    return measure


def test_every_encoder_is_measured_at_every_length_and_in_both_ways():
    config = history_encoders.HistoryEncodersConfig((10, 200), max_rows=1024, num_repeats=2)
    result = json.loads(json.dumps(history_encoders.run(config, _measured(1.5))))
    assert result["holds"]
    # By hand: 1024 rows of 10 are 10,240 positions; of 200, 25,600 / 200 = 128 rows.
    for length, num_rows in (("length_10", 1024), ("length_200", 128)):
        part = result[length]
        assert (part["num_rows"], part["times_the_products"]) == (num_rows, 3.0)
        assert [(row["encoder"], row["trained"]) for row in part["rows"]] == [
            (name, trained) for name in _NAMES for trained in ("last_state", "every_position")
        ]
        assert part["rows"][0]["examples_per_second"] == 2 * num_rows
        assert part["rows"][0]["peak_megabytes"] == 3


def test_it_does_not_hold_if_attention_takes_more_than_three_times_its_products():
    config = history_encoders.HistoryEncodersConfig((10,), num_repeats=2)
    assert not history_encoders.run(config, _measured(1.6))["holds"]


@pytest.mark.parametrize("trained", ["last_state", "every_position"])
@pytest.mark.parametrize("name", _NAMES)
def test_a_step_of_each_runs_and_gives_every_gradient(name, trained):
    states, weights = (
        history_encoder_step._limit(name, trained)
        if name in ("one_pass", "attention_products")
        else history_encoder_step._encoder(name, trained)
    )
    gradients = history_encoder_step._step(states, weights)(*history_encoder_step._inputs(3, 5))
    assert len(gradients) == 1 + len(weights)
    assert np.all(np.isfinite(gradients))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lengths": (10, 0)}, "--lengths must be >= 1, but is 0"),
        ({"max_rows": 0}, "--max_rows must be >= 1, but is 0"),
        ({"num_repeats": 0}, "--num_encoder_repeats must be >= 1, but is 0"),
    ],
)
def test_values_out_of_range_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        history_encoders.HistoryEncodersConfig(**options)
