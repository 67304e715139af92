import numpy as np
import pytest

from tfrs_model import ranking

_NO_ROWS = np.zeros([0], np.int64)


def _rank(queries, candidates, targets, excluded=None, k=1, on_block=None):
    """Ranks with `excluded` given as one list of rows per query."""
    excluded = excluded or [[] for _ in queries]
    rows = np.array([row for rows in excluded for row in rows], np.int64)
    splits = np.cumsum([0, *(len(rows) for rows in excluded)])
    return ranking.rank_corpus(
        np.array(queries, np.float32),
        np.array(candidates, np.float32),
        np.array(targets, np.int64),
        rows,
        splits,
        k,
        on_block,
    )


def _sorted_by_numpy(queries, candidates, targets, excluded, k):
    """A full sort of every query: the target after all that score the same, the top by score then by row."""
    ranks, top_rows = [], []
    for query, target, left_out in zip(queries, targets, excluded, strict=True):
        scores = (candidates @ query).astype(np.float64)
        scores[left_out] = -np.inf
        pessimistic = sorted(range(len(scores)), key=lambda row: (-scores[row], row == target))
        ranks.append(1 + pessimistic.index(target))
        best = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:k]
        top_rows.append([row if np.isfinite(scores[row]) else -1 for row in best])
    return ranks, top_rows


def _random_case(num_queries=37, num_candidates=29, dim=4, seed=0):
    # Small integers: scores are exact in any order of summation, and many of them are tied.
    generator = np.random.default_rng(seed)
    queries, candidates = (
        generator.integers(-3, 4, size=[size, dim]).astype(np.float32) for size in (num_queries, num_candidates)
    )
    targets = generator.integers(num_candidates, size=num_queries)
    excluded = [
        np.setdiff1d(generator.choice(num_candidates, generator.integers(num_candidates), replace=False), [target])
        for target in targets
    ]
    return queries, candidates, targets, excluded


@pytest.mark.parametrize("max_scores", [1, 29 * 2, 29 * 5 + 3, 29 * 37, 2**25])
@pytest.mark.parametrize("k", [1, 7, 29])
def test_ranks_and_tops_are_those_of_a_full_sort_in_blocks_of_any_size(monkeypatch, max_scores, k):
    monkeypatch.setattr(ranking, "_MAX_SCORES_PER_BLOCK", max_scores)
    case = _random_case()
    ranked = _rank(*case[:3], case[3], k)
    ranks, top_rows = _sorted_by_numpy(*case, k)
    np.testing.assert_array_equal(ranked.ranks, ranks)
    np.testing.assert_array_equal(ranked.top_rows, top_rows)


def test_without_exclusions_the_whole_corpus_is_sorted():
    # Multiples of 1 / 64: scores with few ties, and still exact.
    generator = np.random.default_rng(1)
    queries, candidates = (generator.integers(-128, 128, size=[size, 16]) / 64 for size in (20, 300))
    targets = generator.integers(300, size=20)
    ranked = _rank(queries, candidates, targets, k=300)
    ranks, top_rows = _sorted_by_numpy(queries, candidates, targets, [[]] * 20, 300)
    np.testing.assert_array_equal(ranked.ranks, ranks)
    np.testing.assert_array_equal(ranked.top_rows, top_rows)


def test_a_tie_counts_against_the_target():
    ranked = _rank([[1.0]], [[2.0], [5.0], [2.0], [1.0], [2.0]], [2], k=3)
    # By hand: 5 is above, and two others score 2 as the target does.
    assert ranked.ranks.tolist() == [4]
    assert ranked.top_rows.tolist() == [[1, 0, 2]]


@pytest.mark.parametrize(("num_queries", "num_candidates", "dim"), [(1, 1682, 64), (13, 1001, 33), (3, 37, 5)])
def test_a_constant_model_ranks_every_target_last(num_queries, num_candidates, dim):
    generator = np.random.default_rng(0)
    candidates = np.tile(generator.normal(size=[1, dim]), [num_candidates, 1])
    ranked = _rank(generator.normal(size=[num_queries, dim]), candidates, np.arange(num_queries))
    np.testing.assert_array_equal(ranked.ranks, num_candidates)


def test_an_excluded_candidate_is_neither_above_nor_in_the_top():
    excluded = [[0, 3], []]
    ranked = _rank([[1.0], [1.0]], [[9.0], [1.0], [2.0], [8.0]], [1, 1], excluded, k=4)
    assert ranked.ranks.tolist() == [2, 4]
    assert ranked.top_rows.tolist() == [[2, 1, -1, -1], [0, 3, 2, 1]]


def test_an_exclusion_given_twice_is_one_exclusion():
    ranked = _rank([[1.0]], [[9.0], [1.0], [2.0]], [1], [[0, 0, 0]], k=3)
    assert ranked.ranks.tolist() == [2]
    assert ranked.top_rows.tolist() == [[2, 1, -1]]


def test_each_block_reports_its_queries(monkeypatch):
    monkeypatch.setattr(ranking, "_MAX_SCORES_PER_BLOCK", 8)
    done = []
    _rank(np.ones([5, 1]), np.ones([4, 1]), np.zeros(5), on_block=done.append)
    assert done == [2, 2, 1]


def test_no_queries_have_no_ranks():
    ranked = _rank(np.zeros([0, 2]), np.ones([3, 2]), _NO_ROWS, k=2)
    assert ranked.ranks.shape == (0,)
    assert ranked.top_rows.shape == (0, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_embeddings_that_are_not_finite_are_refused_by_side(value):
    for side, queries, candidates in (("query", [[value]], [[1.0]]), ("candidate", [[1.0]], [[value]])):
        with pytest.raises(ranking.RankingError, match=f"Every {side} embedding must be finite, but some hold NaN"):
            _rank(queries, candidates, [0])


@pytest.mark.parametrize("k", [0, -1, 4])
def test_k_outside_the_corpus_is_refused(k):
    with pytest.raises(
        ranking.RankingError, match=f"k must be between 1 and the 3 candidates of the corpus, but is {k}"
    ):
        _rank([[1.0]], [[1.0], [2.0], [3.0]], [0], k=k)


def test_a_query_that_excludes_its_own_target_is_refused():
    with pytest.raises(ranking.RankingError, match="A query excludes its own target, which then has no rank; drop"):
        _rank([[1.0], [1.0]], [[1.0], [2.0]], [0, 1], [[1], [0, 1]])
