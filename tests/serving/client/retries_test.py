import random

import pytest

from serving import client, errors


class _Highest(random.Random):
    """Draws the upper bound."""

    def random(self):
        return 1.0


def test_the_bound_of_a_wait_doubles_up_to_the_maximum():
    retries = client.Retries(attempts=7, initial_backoff_seconds=0.1, maximum_backoff_seconds=1.0)
    bounds = [retries.wait_seconds(num_failures, _Highest()) for num_failures in range(1, 7)]
    # gRPC proposal A6: min(initial * 2^(n - 1), maximum).
    assert bounds == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert retries.wait_seconds(10**6, _Highest()) == 1.0


def test_waits_are_drawn_from_the_whole_range_below_the_bound():
    retries = client.Retries(initial_backoff_seconds=1.0, maximum_backoff_seconds=1.0)
    generator = random.Random(1)
    waits = [retries.wait_seconds(1, generator) for _ in range(1000)]
    assert 0 <= min(waits) < 0.02
    assert 0.98 < max(waits) <= 1
    assert sum(waits) / len(waits) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"attempts": 0}, "attempts must be an integer of at least 1, but is 0."),
        ({"attempts": 1.5}, "attempts must be an integer of at least 1, but is 1.5."),
        (
            {"initial_backoff_seconds": 0},
            "initial_backoff_seconds must be a positive number of seconds, but is 0.",
        ),
        (
            {"maximum_backoff_seconds": float("inf")},
            "maximum_backoff_seconds must be a positive number of seconds, but is inf.",
        ),
        (
            {"initial_backoff_seconds": 2, "maximum_backoff_seconds": 1},
            "initial_backoff_seconds is 2, more than maximum_backoff_seconds, 1.",
        ),
    ],
)
def test_retries_that_make_no_sense_are_refused(given, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        client.Retries(**given)
    assert str(refusal.value) == text
