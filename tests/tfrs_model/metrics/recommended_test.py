import math

import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import recommended


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


def test_gini_by_hand():
    # Pairs of [1, 0, 3] differ by 1, 2 and 3: over all nine ordered ones 12 / 9, over twice the mean of 4 / 3.
    assert recommended.gini(np.array([1, 0, 3])) == pytest.approx(0.5)
    assert recommended.gini(np.array([5, 5, 5, 5])) == 0.0
    assert recommended.gini(np.array([0, 0, 0, 7])) == pytest.approx(3 / 4)
    assert math.isnan(recommended.gini(np.zeros(4)))


def test_gini_is_half_the_mean_difference_of_pairs_over_the_mean():
    exposures = np.random.default_rng(0).integers(0, 20, 57)
    differences = np.abs(exposures[:, np.newaxis] - exposures[np.newaxis, :])
    expected = differences.mean() / 2 / exposures.mean()
    assert recommended.gini(exposures) == pytest.approx(expected, rel=1e-12)


def test_exposure_counts_candidates_that_nobody_gets_too():
    assert recommended.exposure(np.array([[2, 0], [2, -1]]), 5).tolist() == [1, 0, 2, 0, 0]


def test_novelty_by_hand():
    # Shares 1/2, 1/4, 1/4 are 1, 2 and 2 bits; no interaction counts as one of sixteen: 4 bits.
    found = recommended.novelty(np.array([[0, 3], [1, 2], [0, -1], [-1, -1]]), np.array([8, 4, 4, 0]))
    np.testing.assert_allclose(found, [2.5, 2.0, 1.0, np.nan])


def test_novelty_without_training_interactions_is_refused():
    with pytest.raises(metrics.MetricsError, match="needs training interactions, but all counts are 0; count them"):
        recommended.novelty(np.array([[0]]), np.zeros(3, np.int64))


def test_similarity_of_a_list_by_hand():
    embeddings = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [5.0, 0.0], [0.0, 0.0]], np.float32)
    top_rows = np.array([[0, 1, 2], [0, 3, -1], [0, 3, 4], [1, -1, -1], [-1, -1, -1]])
    # Cosines 0, -1, 0; then 1 of the only pair; then 1, 0, 0, as no length has no direction.
    found = recommended.intra_list_similarity(top_rows, embeddings)
    np.testing.assert_allclose(found, [-1 / 3, 1.0, 1 / 3, np.nan, np.nan], atol=1e-12)


def test_similarity_is_that_of_a_loop_over_pairs_whatever_the_blocks(monkeypatch):
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=[30, 6])
    top_rows = np.stack([generator.permutation(30)[:5] for _ in range(23)])
    top_rows[3, 3:] = -1

    def cosine(a, b):
        return (
            embeddings[a] @ embeddings[b] / math.sqrt((embeddings[a] @ embeddings[a]) * (embeddings[b] @ embeddings[b]))
        )

    pairs = [[(a, b) for a in rows for b in rows if a < b and a >= 0] for rows in top_rows.tolist()]
    expected = [np.mean([cosine(a, b) for a, b in each]) for each in pairs]
    # Blocks of four questions, the last one of three.
    monkeypatch.setattr(recommended, "_MAX_NUMBERS_PER_BLOCK", 4 * 5 * 6)
    np.testing.assert_allclose(recommended.intra_list_similarity(top_rows, embeddings), expected, atol=1e-12)


def test_only_the_first_k_count_as_recommended_and_questions_without_any_are_left_out_of_means():
    top_rows, counts = np.array([[0, 1, 2], [-1, -1, -1]]), np.array([6, 2, 0])
    values = recommended.measure(top_rows, 2, counts, np.eye(3))
    np.testing.assert_allclose(values["mean_popularity_at_2"], [4.0, np.nan])
    np.testing.assert_allclose(values["intra_list_similarity_at_2"], [0.0, np.nan])
    assert recommended.summarize(top_rows, 2, counts) == pytest.approx(
        {
            "coverage_at_2": 2 / 3,
            # Exposures [1, 1, 0].
            "gini_at_2": 1 / 3,
            # 6 of 8 and 2 of 8.
            "novelty_at_2": (-math.log2(6 / 8) + 2.0) / 2,
            "mean_popularity_at_2": 4.0,
        }
    )


def test_answers_without_any_candidate_have_no_means():
    found = recommended.summarize(np.array([[-1]]), 1, np.array([1]), np.ones([1, 2]))
    assert found.pop("coverage_at_1") == 0.0
    assert all(math.isnan(value) for value in found.values())


@pytest.mark.parametrize("k", [0, 4])
def test_more_candidates_than_answers_have_are_refused(k):
    with pytest.raises(metrics.MetricsError, match="k must be between 1 and the 3 candidates of an answer, but is"):
        recommended.measure(np.array([[0, 1, 2]]), k, np.ones(3))
