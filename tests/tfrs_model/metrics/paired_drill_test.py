"""Whether the paired test errs as rarely as it says, sees a planted difference, and is that of SciPy."""

import numpy as np
import pytest
from scipy import stats

from tfrs_model.metrics import paired

pytestmark = pytest.mark.drill


def _hits(generator, chances):
    return (generator.random(len(chances)) < chances).astype(np.float64)


def test_equally_good_models_differ_one_time_in_twenty_and_a_planted_difference_is_seen():
    generator = np.random.default_rng(0)
    # Questions are of different difficulty, the same for both models.
    chances = generator.random(300) * 0.6
    null = [
        paired.difference(_hits(generator, chances), _hits(generator, chances), num_draws=200, seed=i)
        for i in range(1000)
    ]
    # 50 and 100 of 1000 are expected, with standard errors of 6.9 and 9.5, and fewer as binary answers often tie.
    assert 20 <= sum(each.p_value <= 0.05 for each in null) <= 77
    assert 50 <= sum(each.p_value <= 0.1 for each in null) <= 138
    assert 922 <= sum(each.low <= 0.0 <= each.high for each in null) <= 978
    better = [
        paired.difference(_hits(generator, chances + 0.12), _hits(generator, chances), num_draws=200)
        for _ in range(100)
    ]
    # The standard error of the difference is about .036, so .12 is 3.3 of them: seen with a chance of .91.
    assert sum(each.p_value <= 0.05 for each in better) >= 82
    assert sum(each.low <= 0.12 <= each.high for each in better) >= 87


def test_questions_of_a_query_that_fall_out_together_prove_less():
    generator = np.random.default_rng(0)
    owners = np.repeat(np.arange(40), 25)
    is_seen = {True: 0, False: 0}
    for _ in range(100):
        ours, theirs = np.repeat(generator.random([2, 40]), 25, axis=1)
        for by_query in is_seen:
            found = paired.difference(ours, theirs, owners if by_query else None, num_draws=200)
            is_seen[by_query] += found.p_value <= 0.05
    # Equally good each time: 5 of 100 by query; signs of questions, a fifth as wide, leave out 0 in seven of ten.
    assert is_seen[True] <= 12
    assert is_seen[False] >= 50


def test_the_p_value_is_that_of_scipys_permutations():
    generator = np.random.default_rng(3)
    ours, theirs = generator.random(200), generator.random(200) - 0.05
    expected = stats.permutation_test(
        (ours, theirs), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=5000, rng=0
    ).pvalue
    assert 0.01 < expected < 0.5
    # Each p of 5,000 draws has a standard error of at most .007.
    assert paired.difference(ours, theirs, num_draws=5000).p_value == pytest.approx(expected, abs=0.03)
