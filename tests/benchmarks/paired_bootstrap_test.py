import numpy as np
import pytest

from benchmarks import paired_bootstrap


@pytest.mark.parametrize(("share", "is_noise"), [(0.30, True), (0.45, False)])
def test_only_a_real_difference_leaves_its_interval(share, is_noise):
    generator = np.random.default_rng(1)
    ours, theirs = (generator.random([3, 2000]) < each for each in (share, 0.30))
    low, high = paired_bootstrap.interval(ours, theirs)
    assert (low <= 0.0 <= high) == is_noise
    assert low < share - 0.30 < high


def test_a_difference_that_every_question_has_is_certain_whatever_the_questions_are_worth():
    theirs = np.random.default_rng(0).random([1, 50])
    low, high = paired_bootstrap.interval(np.repeat(theirs + 0.25, 2, axis=0), theirs)
    np.testing.assert_allclose([low, high], 0.25, atol=1e-9)


def test_one_lucky_seed_of_two_widens_the_interval_down_to_nothing():
    ours, theirs = np.stack([np.zeros(100), np.ones(100)]), np.zeros([2, 100])
    # By hand: a fourth of all draws takes the worse seed twice, another fourth the better one twice.
    assert paired_bootstrap.interval(ours, theirs) == (0.0, 1.0)
