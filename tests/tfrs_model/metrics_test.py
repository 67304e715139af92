import math

import numpy as np
import pytest

from tfrs_model import metrics


def test_recall_ndcg_and_reciprocal_rank_by_hand():
    summary = metrics.summarize_ranks(np.array([1, 3, 2, 11]), [1, 3, 10])
    assert summary == pytest.approx(
        {
            "recall_at_1": 1 / 4,
            "ndcg_at_1": 1 / 4,
            "recall_at_3": 3 / 4,
            # 1 / log2(2) + 1 / log2(4) + 1 / log2(3) = 1 + .5 + .63093
            "ndcg_at_3": 2.13093 / 4,
            "recall_at_10": 3 / 4,
            "ndcg_at_10": 2.13093 / 4,
            # 1 + 1/3 + 1/2 + 1/11
            "mrr": 1.92424 / 4,
        },
        rel=1e-5,
    )


def test_a_rank_at_the_cut_off_is_inside():
    summary = metrics.summarize_ranks([10, 11], [10])
    assert summary["recall_at_10"] == 0.5
    assert summary["ndcg_at_10"] == pytest.approx(0.5 / math.log2(11))


def test_no_queries_have_no_averages():
    summary = metrics.summarize_ranks(np.zeros([0], np.int64), [5, 10])
    assert set(summary) == {"recall_at_5", "ndcg_at_5", "recall_at_10", "ndcg_at_10", "mrr"}
    assert all(math.isnan(value) for value in summary.values())


def test_coverage_is_the_share_of_the_corpus_that_anybody_gets():
    assert metrics.coverage(np.array([[0, 3], [3, 1], [0, -1]]), 4) == 0.75
    assert metrics.coverage(np.array([[-1, -1]]), 4) == 0.0


def test_popularity_shares_run_from_the_most_popular_tenth_to_the_least():
    # Twenty candidates, two a tenth; candidate 19 is the most popular.
    counts = np.arange(20) * 10
    shares = metrics.popularity_shares(np.array([[19, 18, 17], [0, 19, -1]]), counts)
    np.testing.assert_allclose(shares, [3 / 5, 1 / 5, 0, 0, 0, 0, 0, 0, 0, 1 / 5])


def test_tied_candidates_are_cut_into_tenths_of_equal_size_by_row():
    shares = metrics.popularity_shares(np.arange(30), np.ones(30))
    np.testing.assert_allclose(shares, [0.1] * 10)
    np.testing.assert_allclose(metrics.popularity_shares(np.array([0, 2, 3]), np.ones(30))[:2], [2 / 3, 1 / 3])


@pytest.mark.parametrize("num_candidates", [1, 7, 10, 1682])
def test_shares_of_the_whole_corpus_are_tenths_to_one_candidate(num_candidates):
    shares = np.array(metrics.popularity_shares(np.arange(num_candidates), np.arange(num_candidates)))
    assert shares.sum() == pytest.approx(1.0)
    assert np.all(np.abs(shares * num_candidates - num_candidates / 10) < 1.0)


def test_shares_of_no_rows_are_zero():
    assert metrics.popularity_shares(np.array([-1, -1]), np.arange(20)) == [0.0] * 10


def test_mean_popularity_is_that_of_the_rows_with_their_repeats():
    counts = np.array([100, 10, 1])
    assert metrics.mean_popularity(np.array([[0, 0], [2, -1]]), counts) == pytest.approx(201 / 3)
    assert math.isnan(metrics.mean_popularity(np.array([-1]), counts))
