import numpy as np
import pytest

from pipelines import frequency_streams


def _distinct(weights, batch_size, num_steps=10, seed=0):
    weights = np.array(weights, float)
    return frequency_streams.DistinctIdStream(
        "planted", len(weights), batch_size, num_steps, seed, lambda step: weights
    )


def _repeating(num_ids, batch_size, exponent, num_steps=10, seed=0):
    return frequency_streams.RepeatingIdStream("planted", num_ids, batch_size, num_steps, seed, exponent)


@pytest.mark.parametrize(
    "make", [frequency_streams.switch, frequency_streams.birth_and_death, frequency_streams.repeats]
)
def test_a_batch_is_a_function_of_seed_and_step_alone(make):
    batches = make(3).batches(5, 8)
    assert batches.dtype == np.int64
    np.testing.assert_array_equal(batches[1], make(3).batch(6))
    assert not np.array_equal(batches[1], make(4).batch(6))
    assert not np.array_equal(batches[1], batches[2])


def test_a_batch_of_distinct_ids_holds_none_twice():
    for batch in frequency_streams.stationary(0).batches(0, 20):
        assert len(set(batch.tolist())) == 128


def test_distinct_ids_are_drawn_in_proportion_to_their_weights():
    # One id a batch: shares 1/8, 2/8, 5/8; their standard error over 4,000 batches is .008 at most.
    shares = _distinct([1, 2, 5], batch_size=1).batches(0, 4000)
    np.testing.assert_allclose(np.bincount(shares.ravel()) / 4000, [0.125, 0.25, 0.625], atol=0.03)


def test_the_second_of_two_distinct_ids_is_drawn_among_the_rest():
    # Id 0 is in the batch first with 1/8, or second: after id 1 with 2/8 * 1/6, after id 2 with 5/8 * 1/3.
    batches = _distinct([1, 2, 5], batch_size=2).batches(0, 4000)
    assert (batches == 0).sum() / 4000 == pytest.approx(1 / 8 + 2 / 48 + 5 / 24, abs=0.03)


def test_repeating_ids_follow_zipf():
    # Exponent 1 on three ids: 6/11, 3/11, 2/11.
    stream = _repeating(3, batch_size=1000, exponent=1.0)
    np.testing.assert_allclose(stream.expected_count(1), np.array([6, 3, 2]) * 1000 / 11)
    np.testing.assert_allclose(stream.counts(10) / 10_000, np.array([6, 3, 2]) / 11, atol=0.02)


def test_counts_are_those_of_the_first_batches():
    stream = frequency_streams.repeats(0)
    np.testing.assert_array_equal(stream.counts(3), np.bincount(stream.batches(0, 3).ravel(), minlength=1000))


def test_the_switch_reverses_the_squares_half_way():
    stream = frequency_streams.switch(0)
    # sum of i^2 below 1,000 is 999 * 1000 * 1999 / 6.
    total = 999 * 1000 * 1999 / 6
    assert stream.probabilities(9_999)[[0, 3, 999]] == pytest.approx([0, 9 / total, 999**2 / total])
    assert stream.probabilities(10_000)[[0, 3, 999]] == pytest.approx([999**2 / total, 996**2 / total, 0])
    # After 10,000 batches the last one was drawn before the switch.
    assert stream.expected_count(10_000)[999] == pytest.approx(128 * 999**2 / total)
    assert stream.expected_count(10_001)[999] == 0


def test_exact_counts_of_distinct_ids_do_not_score_zero_against_the_squares():
    # .023 is the distance of the exact inclusion probabilities; counting 8,000 batches adds its noise.
    stream = frequency_streams.stationary(0, num_steps=8000)
    assert 0.023 < stream.error(stream.counts(8000) / 8000, 8000) < 0.035


def test_a_drift_returns_after_its_period_and_goes_far_in_between():
    stream = frequency_streams.drift(0)
    start, middle = stream.probabilities(0), stream.probabilities(5000)
    np.testing.assert_allclose(stream.probabilities(10_000), start)
    assert np.max(middle / start) > 10
    assert start.sum() == pytest.approx(1.0)


def test_only_the_living_are_drawn_and_a_thousand_live_at_a_time():
    stream = frequency_streams.birth_and_death(0, num_steps=20_000)
    for step in (0, 10_000, 19_999):
        living = stream.probabilities(step) > 0
        assert living.sum() == 1000
        assert living[stream.batch(step)].all()


def test_the_dead_are_judged_and_the_unborn_are_not():
    stream = frequency_streams.birth_and_death(0, num_steps=20_000)
    first, last = stream.probabilities(0) > 0, stream.probabilities(19_999) > 0
    truth = stream.expected_count(1)
    assert stream.error(truth + 256.0 * (last & ~first), 1) == 0.0
    dead = np.flatnonzero(first & ~last)[0]
    truth = stream.expected_count(20_000)
    truth[dead] += 2.56
    assert stream.error(truth, 20_000) == pytest.approx(0.01)


def test_the_distance_of_counts_by_hand():
    # Truth .5 and 1.5; off by .5 each; over 2 * 2.
    assert _distinct([1, 3], batch_size=2).error(np.array([1.0, 1.0]), 1) == pytest.approx(0.25)


def test_the_log_error_by_hand():
    # Truth 2 and 1; ln 2 and 0, weighted 2/3 and 1/3 or alike.
    stream = _repeating(2, batch_size=3, exponent=1.0)
    assert stream.error(np.array([4.0, 1.0]), 1) == pytest.approx(0.4621, abs=1e-4)
    assert stream.mean_log_error(np.array([1.0, 1.0]), 1) == pytest.approx(0.3466, abs=1e-4)


def test_the_six_streams_are_what_they_are_called():
    six = [make(0) for make in frequency_streams.SIX]
    assert [stream.name for stream in six] == [
        "stationary",
        "switch",
        "drift",
        "birth_and_death",
        "repeats",
        "six_decades",
    ]
    probabilities = six[-1].probabilities(0)
    assert probabilities.max() / probabilities.min() == pytest.approx(1e6)
    # Zipf .8 over 1,000 ids: the commonest has 1 in 15.5.
    assert six[-2].expected_count(1)[0] == pytest.approx(2048 / np.sum(np.arange(1, 1001) ** -0.8))
