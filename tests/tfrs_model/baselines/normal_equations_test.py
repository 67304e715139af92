import numpy as np
import pytest

from tfrs_model.baselines import normal_equations


def _dense(fixed, weights, of_all, unobserved_weight, regularization):
    """The same minimum as a weighted ridge regression over all pairs, owner by owner."""
    solved = []
    for row in weights:
        per_pair = np.where(row > 0, row + of_all - unobserved_weight, of_all)
        gram = fixed.T @ (per_pair[:, np.newaxis] * fixed) + regularization * np.eye(fixed.shape[1])
        solved.append(np.linalg.solve(gram, fixed.T @ row))
    return np.array(solved)


@pytest.mark.parametrize(("of_all", "unobserved_weight"), [(0.3, 0.3), (0.5, 0.3), (0.0, 0.0), (3.0, 3.0)])
def test_each_owner_gets_its_ridge_regression_over_all_pairs(monkeypatch, of_all, unobserved_weight):
    # Blocks of a few owners each, so that several lengths and several blocks of a length are met.
    monkeypatch.setattr(normal_equations, "_MAX_NUMBERS_PER_BLOCK", 100)
    generator = np.random.default_rng(0)
    fixed = generator.normal(size=[15, 4])
    weights = generator.uniform(0.5, 2.0, [40, 15]) * (generator.random([40, 15]) < generator.random([40, 1]))
    weights[7] = 0.0
    owners, rows = np.nonzero(weights)
    shuffled = generator.permutation(len(owners))
    owners, rows = owners[shuffled], rows[shuffled]
    observed = normal_equations.Observed.group(owners, rows, weights[owners, rows], 40)
    side = normal_equations.FixedSide(fixed, of_all, unobserved_weight, 0.2)
    solved = side.solve(observed)
    np.testing.assert_allclose(solved, _dense(fixed, weights, of_all, unobserved_weight, 0.2), atol=1e-10)
    assert not solved[7].any()
    # What is asked later is asked of the same side.
    of_three = normal_equations.Observed.group(np.zeros(3, np.int64), np.array([1, 4, 9]), np.ones(3), 1)
    once = np.zeros([1, 15])
    once[0, [1, 4, 9]] = 1.0
    np.testing.assert_allclose(side.solve(of_three), _dense(fixed, once, of_all, unobserved_weight, 0.2), atol=1e-10)


def test_owners_of_like_lengths_share_a_block_and_no_owner_is_lost():
    lengths = np.array([1, 5, 0, 8, 3, 4, 9])
    blocks = [(owners.tolist(), width) for owners, width in normal_equations._blocks(lengths, 4)]
    assert blocks == [([0], 1), ([4, 5], 4), ([1, 3], 8), ([6], 16)]
