import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import weighted_als


def _loss(u, v, weights, als):
    """The objective pair by pair."""
    total = als.regularization * ((u**2).sum() + (v**2).sum())
    for q in range(len(u)):
        for i in range(len(v)):
            product = u[q] @ v[i]
            total += als.gravity / len(u) / len(v) * product**2
            total += weights[q, i] * (1 - product) ** 2 if weights[q, i] else als.unobserved_weight * product**2
    return total


def _weights(log):
    weights = np.zeros([log.num_queries, log.num_candidates])
    np.add.at(weights, (log.query_rows, log.candidate_rows), log.weights)
    return weights


def test_the_objective_is_that_of_the_docstring():
    als = weighted_als.WeightedAls(1, 0.4, 0.2, 0.1)
    assert _loss(np.array([[1.0]]), np.array([[0.5], [0.5]]), np.array([[1.0, 0.0]]), als) == pytest.approx(0.55)


@pytest.mark.parametrize(("unobserved_weight", "gravity"), [(0.3, 0.0), (0.0, 0.0), (0.0, 40.0), (2.0, 5.0)])
def test_every_sweep_lowers_the_objective_until_no_direction_does(unobserved_weight, gravity):
    log = logs.random_log(12, 8, 0.3)
    losses = []
    for num_sweeps in (1, 2, 5, 100):
        als = weighted_als.WeightedAls(3, unobserved_weight, gravity, 0.1, num_sweeps)
        fitted = als.fit(log)
        u, v = fitted.query_embeddings.astype(np.float64), fitted.candidate_embeddings.astype(np.float64)
        losses.append(_loss(u, v, _weights(log), als))
    assert losses == sorted(losses, reverse=True)
    generator = np.random.default_rng(0)
    for _ in range(20):
        du, dv = generator.normal(size=u.shape), generator.normal(size=v.shape)
        beyond, before = (_loss(u + step * du, v + step * dv, _weights(log), als) for step in (1e-4, -1e-4))
        assert abs(beyond - before) / 2e-4 < 2e-3


def test_without_a_weight_of_what_is_unobserved_all_products_near_one_and_with_it_they_do_not():
    # Two groups that never meet.
    log = logs.log([(q, c) for q in range(8) for c in range(6) if q % 2 == c % 2], 8, 6)
    states = logs.states(*[[]] * 8)
    of_group = np.arange(8)[:, np.newaxis] % 2 == np.arange(6) % 2
    separate = weighted_als.WeightedAls(2, 1.0, 0.0, 1e-3, 30).fit(log).scores(states)
    np.testing.assert_allclose(separate, of_group, atol=0.01)
    positives_only = weighted_als.WeightedAls(1, 0.0, 0.0, 1e-3, 30).fit(log).scores(states)
    np.testing.assert_allclose(np.abs(positives_only[of_group]), 1.0, atol=0.01)
    assert np.abs(positives_only[~of_group]).max() > 0.9


def test_a_history_of_all_that_was_chosen_folds_in_to_the_fitted_vector():
    log = logs.log([(0, 0), (0, 2), (1, 1), (1, 2), (2, 3)], 4, 4)
    states = logs.states([0, 2], [1, 2, 1], [3], [])
    fitted = weighted_als.WeightedAls(2, 0.3, 0.0, 0.1, 80, folds_in=False).fit(log)
    folded = weighted_als.WeightedAls(2, 0.3, 0.0, 0.1, 80, folds_in=True).fit(log)
    np.testing.assert_allclose(folded.scores(states), fitted.scores(states), atol=1e-5)
    assert not fitted.scores(states)[3].any()


def test_a_query_that_training_did_not_know_is_answered_from_its_history():
    log = logs.log([(q, c) for q in range(8) for c in range(6) if q % 2 == c % 2], 9, 6)
    folded = weighted_als.WeightedAls(2, 0.3, 0.0, 0.1, 20, folds_in=True).fit(log)
    (scores,) = folded.scores(logs.states([0, 2], query_rows=[8]))
    assert scores[[0, 2, 4]].min() > scores[[1, 3, 5]].max() + 0.5


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    log = logs.random_log(12, 8, 0.3)
    first, again, other = (weighted_als.WeightedAls(3, num_sweeps=1, seed=each).fit(log) for each in (0, 0, 1))
    assert (first.candidate_embeddings == again.candidate_embeddings).all()
    assert (first.candidate_embeddings != other.candidate_embeddings).any()


def test_each_sweep_is_told():
    told = []
    weighted_als.WeightedAls(2, num_sweeps=3).fit(logs.random_log(5, 4, 0.5), lambda: told.append(1))
    assert len(told) == 3


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"embedding_dim": 0}, "embedding_dim must be finite and >= 1, but is 0"),
        ({"unobserved_weight": -0.1}, "unobserved_weight must be finite and >= 0, but is -0.1"),
        ({"gravity": float("inf")}, "gravity must be finite and >= 0, but is inf"),
        ({"regularization": 0.0}, "regularization must be finite and > 0, but is 0.0"),
        ({"num_sweeps": 0}, "num_sweeps must be finite and >= 1, but is 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, sentence):
    with pytest.raises(weighted_als.WeightedAlsError, match=sentence):
        weighted_als.WeightedAls(**parameters)
