import math

import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import paired


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [0.1, 0.2, 0.30000000000000004], [3.0, 1.0, 0.5]])
def test_three_questions_that_agree_cannot_convince(values):
    # By hand: of the eight signs all plus and all minus are as far from 0, so p = 2 / 8.
    found = paired.difference(np.array(values), np.zeros(3), num_draws=20_000)
    assert found.p_value == pytest.approx(0.25, abs=0.015)


@pytest.mark.parametrize(("share", "is_noise"), [(0.30, True), (0.45, False)])
def test_only_a_real_difference_leaves_its_interval(share, is_noise):
    generator = np.random.default_rng(1)
    ours, theirs = (generator.random([3, 2000]) < each for each in (share, 0.30))
    found = paired.difference(ours, theirs)
    assert (found.low <= 0.0 <= found.high) == is_noise == (found.p_value > 0.05)
    assert found.low < share - 0.30 < found.high


def test_a_difference_that_every_question_has_is_certain_whatever_the_questions_are_worth():
    theirs = np.random.default_rng(0).random([1, 50])
    found = paired.difference(np.repeat(theirs + 0.25, 2, axis=0), theirs)
    np.testing.assert_allclose([found.mean, found.low, found.high], 0.25, atol=1e-9)
    assert found.p_value == pytest.approx(2 / 1001)


def test_one_lucky_seed_of_two_widens_the_interval_down_to_nothing():
    ours, theirs = np.stack([np.zeros(100), np.ones(100)]), np.zeros([2, 100])
    found = paired.difference(ours, theirs)
    # By hand: a fourth of all draws takes the worse seed twice, another fourth the better one twice.
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    assert found.p_value == pytest.approx(0.5, abs=0.1)


def test_questions_of_one_query_change_signs_together():
    owners = np.array(["a", "b", "a", "a"])
    found = paired.difference(np.ones(4), np.zeros(4), owners, num_draws=20_000)
    # By hand: of the four signs of two queries two are as far from 0; of the sixteen of four questions two.
    assert found.p_value == pytest.approx(2 / 4, abs=0.015)
    assert paired.difference(np.ones(4), np.zeros(4), num_draws=20_000).p_value == pytest.approx(2 / 16, abs=0.015)
    assert (found.num_questions, found.num_owners) == (4, 2)


def test_a_model_does_not_differ_from_itself():
    values = np.random.default_rng(0).random(100)
    assert paired.difference(values, values) == paired.Difference(0.0, 0.0, 0.0, 1.0, 100, 100)
    assert paired.difference([values, values], [values]).p_value == 1.0


def test_swapping_the_models_turns_the_difference_round():
    generator = np.random.default_rng(0)
    ours, theirs = generator.random(100), generator.random(100)
    there, back = paired.difference(ours, theirs), paired.difference(theirs, ours)
    assert (back.mean, back.p_value) == pytest.approx((-there.mean, there.p_value), abs=0.05)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=0.02)


def test_no_questions_show_no_difference():
    found = paired.difference(np.zeros(0), np.zeros(0))
    assert found.num_questions == 0
    assert all(math.isnan(each) for each in (found.mean, found.low, found.high, found.p_value))


def test_models_that_were_asked_other_questions_are_refused():
    with pytest.raises(metrics.MetricsError, match="one has 3 and the other 4; take those that both were asked"):
        paired.difference(np.zeros(3), np.zeros([2, 4]))
