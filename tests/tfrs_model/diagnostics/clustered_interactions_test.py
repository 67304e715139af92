import dataclasses

import numpy as np
import pytest

from tfrs_model.diagnostics import clustered_interactions
from tfrs_model.diagnostics.clustered_interactions import ClusteredInteractionsConfig

_SMALL = ClusteredInteractionsConfig(num_queries=3000, num_candidates=60, num_clusters=3, max_interactions=20)


@pytest.fixture(scope="module")
def small():
    return clustered_interactions.simulate(_SMALL)


def test_the_same_configuration_gives_the_same_bits_and_another_seed_others(small):
    again = clustered_interactions.simulate(_SMALL)
    np.testing.assert_array_equal(again.chosen, small.chosen)
    other = clustered_interactions.simulate(dataclasses.replace(_SMALL, seed=1))
    assert not np.array_equal(other.chosen, small.chosen)


def test_candidates_are_sorted_by_cluster_and_in_it_by_popularity(small):
    assert np.all(np.diff(small.clusters) >= 0)
    for cluster in range(3):
        popularity = small.popularity[small.clusters == cluster]
        ranks = np.arange(1, len(popularity) + 1)
        exponent = -np.log(popularity[1]) / np.log(2.0)
        assert 0.25 <= exponent <= 1.5
        np.testing.assert_allclose(popularity, ranks**-exponent)


def test_the_number_of_interactions_follows_the_power_law(small):
    found = np.bincount(small.chosen.sum(axis=1).astype(int), minlength=21)
    law = np.arange(1, 21) ** -0.5
    expected = 3000 * law / law.sum()
    assert found[0] == 0
    # Pearson's statistic of 20 cells: 43.8 is the 99.9% point of chi-squared with 19 degrees of freedom.
    assert np.sum((found[1:] - expected) ** 2 / expected) < 43.8


def test_the_first_draw_follows_preference_times_popularity():
    config = ClusteredInteractionsConfig(40_000, 6, 1, max_interactions=1)
    found = clustered_interactions.simulate(config)
    # One cluster: preferences cancel, and each draws once.
    expected = 40_000 * found.popularity / found.popularity.sum()
    # 20.5 is the 99.9% point of chi-squared with 5 degrees of freedom.
    assert np.sum((found.chosen.sum(axis=0) - expected) ** 2 / expected) < 20.5


def test_a_query_keeps_to_the_clusters_that_it_prefers(small):
    of_cluster = np.stack([small.chosen[:, small.clusters == each].sum(axis=1) for each in range(3)], axis=1)
    shares = of_cluster.max(axis=1) / of_cluster.sum(axis=1)
    assert shares[of_cluster.sum(axis=1) >= 6].mean() > 0.55


def test_true_similarities_are_one_inside_a_cluster():
    np.testing.assert_array_equal(
        clustered_interactions.true_similarities(np.array([0, 0, 1])), [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_queries": 0}, "num_queries must be >= 1, but is 0"),
        ({"num_candidates": 4}, "num_candidates must be >= num_clusters=5, but is 4"),
        ({"popularity_exponents": (1.0, 0.5)}, "popularity_exponents must be >= 0, the lower one first"),
        ({"max_interactions": 1001}, r"max_interactions must be in \[1, 1000\], the number of candidates"),
        ({"seed": -1}, "seed must be >= 0"),
    ],
)
def test_a_law_that_is_none_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ClusteredInteractionsConfig(**options)
