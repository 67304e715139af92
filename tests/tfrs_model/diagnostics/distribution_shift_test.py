import math

import numpy as np
import pytest

from tfrs_model.diagnostics import distribution_shift


def test_the_index_is_that_of_a_hand_calculation():
    found = distribution_shift.population_stability_index([50, 50], [20, 80])
    # By hand, with half an interaction added to each count: shares .5 and 20.5 / 101, .5 and 80.5 / 101.
    a = 20.5 / 101
    assert found == pytest.approx((a - 0.5) * math.log(a / 0.5) + (0.5 - a) * math.log((1 - a) / 0.5), rel=1e-12)
    assert found == pytest.approx(0.406, abs=5e-4)


def test_the_index_is_nothing_for_equal_shares_and_the_same_both_ways():
    assert distribution_shift.population_stability_index([30, 30], [7, 7]) == 0.0
    there = distribution_shift.population_stability_index([90, 10], [60, 40])
    back = distribution_shift.population_stability_index([60, 40], [90, 10])
    assert there == pytest.approx(back)


def test_a_group_that_is_new_makes_the_index_large_and_not_infinite():
    found = distribution_shift.population_stability_index([1000, 0], [500, 500])
    assert 1.0 < found < 10.0


def test_the_index_of_nothing_is_unknown():
    assert math.isnan(distribution_shift.population_stability_index([0, 0], [1, 2]))
    assert math.isnan(distribution_shift.population_stability_index([1, 2], [0, 0]))
    assert math.isnan(distribution_shift.stability_index_of_chance(3, 0, 5))


def test_chance_alone_moves_the_index_by_what_the_sizes_say():
    generator = np.random.default_rng(0)
    shares = np.full(20, 1 / 20)
    # Two thousand pairs of samples of one distribution.
    found = [
        distribution_shift.population_stability_index(
            generator.multinomial(10_000, shares), generator.multinomial(1000, shares)
        )
        for _ in range(2000)
    ]
    assert np.mean(found) == pytest.approx(distribution_shift.stability_index_of_chance(20, 10_000, 1000), rel=0.05)
    assert distribution_shift.stability_index_of_chance(20, 10_000, 200) == pytest.approx(19 * 0.0051)


@pytest.mark.parametrize(("expected", "actual"), [([1, 2], [1]), ([[1]], [[1]]), ([1, -1], [1, 1])])
def test_counts_that_do_not_fit_are_refused(expected, actual):
    with pytest.raises(ValueError, match=r"group needs an expected and an actual|must be >= 0"):
        distribution_shift.population_stability_index(expected, actual)


def test_popularity_is_grouped_by_doublings():
    expected, actual = distribution_shift.counts_by_doubling([1, 2, 3, 8], [10, 4, 6, 8], [1, 0, 5, 2])
    # Of one interaction; of two and three; of eight to fifteen; none has four to seven.
    assert expected.tolist() == [10, 10, 8]
    assert actual.tolist() == [1, 5, 2]


def test_a_doubling_begins_exactly_at_its_power_of_two():
    expected, _ = distribution_shift.counts_by_doubling([2**40 - 1, 2**40, 2**41 - 1], [1, 2, 4], [0, 0, 0])
    assert expected.tolist() == [1, 6]


def test_a_level_without_interactions_is_refused():
    with pytest.raises(ValueError, match="one is 0; leave it out"):
        distribution_shift.counts_by_doubling([0, 1], [0, 1], [1, 1])


def test_as_many_finds_are_as_likely_as_the_sum_of_their_terms():
    # By hand: p = 2 / 8, of three all three.
    assert distribution_shift.chance_of_as_many(3, 3, 1, 7) == pytest.approx(1 / 64)
    # p = 4 / 10; of five at least four.
    by_terms = sum(math.comb(5, i) * 0.4**i * 0.6 ** (5 - i) for i in (4, 5))
    assert distribution_shift.chance_of_as_many(4, 5, 3, 9) == pytest.approx(by_terms)


def test_what_always_was_is_certain_and_what_never_was_not_impossible():
    assert distribution_shift.chance_of_as_many(5, 5, 9, 9) == 1.0
    assert distribution_shift.chance_of_as_many(0, 5, 3, 9) == 1.0
    assert distribution_shift.chance_of_as_many(2, 2, 0, 9) == pytest.approx(0.01)


def test_a_share_is_of_a_whole():
    assert distribution_shift.share(1, 4) == 0.25
    assert math.isnan(distribution_shift.share(0, 0))
    with pytest.raises(ValueError, match="between 0 and the whole of 2, but is 3"):
        distribution_shift.share(3, 2)
