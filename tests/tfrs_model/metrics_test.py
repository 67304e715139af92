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


def _ragged(lists):
    """Returns lists of rows, one for each query, as rows and bounds."""
    rows = np.array([row for each in lists for row in each], np.int64)
    return rows, np.cumsum([0, *(len(each) for each in lists)])


def test_recall_and_ndcg_of_several_targets_by_hand():
    top_rows = np.array([[4, 9, 1, 7], [0, 2, 3, 5]])
    summary = metrics.summarize_targets(top_rows, *_ragged([[1, 4, 6], [2]]), [1, 3, 4])
    # The first query finds 4 on rank 1 and 1 on rank 3 of three targets, the second its only one on rank 2.
    # Gains of ranks 1, 2, 3: 1, 1 / log2(3) = .63093, .5; three targets have 2.13093 at best, two 1.63093.
    assert summary == pytest.approx(
        {
            "recall_at_1": (1 / 3 + 0) / 2,
            "ndcg_at_1": (1 + 0) / 2,
            "recall_at_3": (2 / 3 + 1) / 2,
            "ndcg_at_3": (1.5 / 2.13093 + 0.63093) / 2,
            "recall_at_4": (2 / 3 + 1) / 2,
            "ndcg_at_4": (1.5 / 2.13093 + 0.63093) / 2,
        },
        rel=1e-5,
    )


def test_more_targets_than_the_cut_off_leave_recall_below_one_but_not_ndcg():
    summary = metrics.summarize_targets(np.array([[3, 2]]), *_ragged([[0, 1, 2, 3]]), [2])
    assert summary == pytest.approx({"recall_at_2": 0.5, "ndcg_at_2": 1.0})


def test_a_target_given_twice_counts_once():
    once = metrics.summarize_targets(np.array([[5, 1, 2], [7, 8, 9]]), *_ragged([[1, 3], [7]]), [1, 3])
    twice = metrics.summarize_targets(np.array([[5, 1, 2], [7, 8, 9]]), *_ragged([[1, 3, 1], [7, 7, 7]]), [1, 3])
    assert once == twice
    assert once["recall_at_3"] == pytest.approx((1 / 2 + 1) / 2)


def test_answers_of_fewer_candidates_than_asked_for_are_filled_with_none():
    summary = metrics.summarize_targets(np.array([[0, -1, -1], [-1, -1, -1]]), *_ragged([[0, 1], [0]]), [3])
    assert summary["recall_at_3"] == pytest.approx((1 / 2 + 0) / 2)


def _of_one_query(top_rows, targets, k):
    gains = [1 / math.log2(rank + 1) for rank, row in enumerate(top_rows[:k], 1) if row in targets]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(targets)) + 1))
    return len(gains) / len(targets), sum(gains) / ideal


@pytest.mark.parametrize("seed", range(5))
def test_ragged_targets_are_those_of_a_loop_over_queries(seed):
    generator = np.random.default_rng(seed)
    num_queries, num_candidates, depth = 200, 60, 30
    top_rows = np.stack([generator.permutation(num_candidates)[:depth] for _ in range(num_queries)])
    top_rows[generator.random(num_queries) < 0.1, 20:] = -1
    targets = [generator.integers(num_candidates, size=generator.integers(1, 40)).tolist() for _ in top_rows]
    summary = metrics.summarize_targets(top_rows, *_ragged(targets), [1, 5, 20, 30])
    for k in (1, 5, 20, 30):
        looped = [
            _of_one_query(top, set(of_query), k) for top, of_query in zip(top_rows.tolist(), targets, strict=True)
        ]
        assert (summary[f"recall_at_{k}"], summary[f"ndcg_at_{k}"]) == pytest.approx(tuple(np.mean(looped, axis=0)))


def test_with_one_target_each_the_figures_are_those_of_ranks():
    top_rows = np.stack([np.random.default_rng(seed).permutation(12) for seed in range(50)])
    ranks = 1 + np.argmax(top_rows == 4, axis=1)
    expected = metrics.summarize_ranks(ranks, [3, 10])
    del expected["mrr"]
    assert metrics.summarize_targets(top_rows, *_ragged([[4]] * 50), [3, 10]) == pytest.approx(expected)


def test_no_queries_with_ragged_targets_have_no_averages():
    summary = metrics.summarize_targets(np.zeros([0, 5], np.int64), *_ragged([]), [5])
    assert set(summary) == {"recall_at_5", "ndcg_at_5"}
    assert all(math.isnan(value) for value in summary.values())


def test_a_query_without_a_target_is_refused():
    with pytest.raises(metrics.MetricsError, match="Every query must have a target, but 1 have none; leave them out"):
        metrics.summarize_targets(np.array([[0], [1]]), *_ragged([[0], []]), [1])


@pytest.mark.parametrize("k", [0, 4])
def test_a_cut_off_deeper_than_the_answers_is_refused(k):
    with pytest.raises(metrics.MetricsError, match="Cut-offs must be between 1 and the 3 candidates of an answer, but"):
        metrics.summarize_targets(np.array([[0, 1, 2]]), *_ragged([[0]]), [k])


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
