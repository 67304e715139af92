import numpy as np
import pytest

from tfrs_model import ranking, row_lists


def _by_embeddings(queries, candidates, *others):
    return ranking.rank_by_embeddings(np.array(queries, np.float32), np.array(candidates, np.float32), *others)


def _by_scores(queries, candidates, *others):
    # In float64 equal candidates come to equal scores, whichever part of the product they are in.
    queries, candidates = np.array(queries, np.float64), np.array(candidates, np.float64)
    return ranking.rank_by_scores(lambda begin, end: queries[begin:end] @ candidates.T, len(candidates), *others)


@pytest.fixture(params=[_by_embeddings, _by_scores])
def rank(request):
    """Ranks, with targets and exclusions given as one list of rows for each query."""

    def rank(queries, candidates, targets, excluded=None, k=1, on_block=None):
        excluded = excluded or [[] for _ in queries]
        lists = row_lists.RowLists.of(targets), row_lists.RowLists.of(excluded)
        return request.param(queries, candidates, *lists, k, on_block)

    return rank


def _sorted_by_python(queries, candidates, targets, excluded, k):
    """A full sort of every query: targets behind others that score the same, then by row."""
    ranks, top_rows = [], []
    for query, of_query, left_out in zip(queries, targets, excluded, strict=True):
        scores = [float(np.dot(query.astype(np.float64), each)) for each in candidates]
        order = sorted(set(range(len(scores))) - set(left_out), key=lambda row: (-scores[row], row in of_query, row))
        ranks.extend(1 + order.index(row) for row in of_query)
        top_rows.append((order + [-1] * k)[:k])
    return ranks, top_rows


def _random_case(num_queries=37, num_candidates=29, dim=4, seed=0):
    # Small integers: scores are exact in any order of summation, many are tied, and many are 0.
    generator = np.random.default_rng(seed)
    queries, candidates = (
        generator.integers(-3, 4, size=[size, dim]).astype(np.float32) for size in (num_queries, num_candidates)
    )
    shuffled = [generator.permutation(num_candidates).tolist() for _ in queries]
    sizes = [(generator.integers(8), generator.integers(num_candidates - 8)) for _ in queries]
    targets = [rows[:own] for rows, (own, _) in zip(shuffled, sizes, strict=True)]
    excluded = [rows[own : own + others] for rows, (own, others) in zip(shuffled, sizes, strict=True)]
    return queries, candidates, targets, excluded


@pytest.mark.parametrize("max_scores", [1, 29 * 2, 29 * 5 + 3, 29 * 37, 2**25])
@pytest.mark.parametrize("k", [1, 7, 28, 29])
def test_ranks_and_tops_are_those_of_a_full_sort_in_blocks_of_any_size(monkeypatch, rank, max_scores, k):
    monkeypatch.setattr(ranking, "MAX_SCORES_PER_BLOCK", max_scores)
    case = _random_case()
    ranked = rank(*case, k)
    ranks, top_rows = _sorted_by_python(*case, k)
    np.testing.assert_array_equal(ranked.target_ranks, ranks)
    np.testing.assert_array_equal(ranked.top_rows, top_rows)


@pytest.mark.parametrize("num_candidates", [100, 640, 641, 5000])
def test_large_and_uneven_corpora_are_sorted_in_full(rank, num_candidates):
    # Scores from -12 to 12: nearly every one is tied with many others.
    case = _random_case(num_queries=5, num_candidates=num_candidates, dim=2)
    for k in (1, 10, num_candidates // 3, num_candidates):
        ranked = rank(*case, k)
        ranks, top_rows = _sorted_by_python(*case, k)
        np.testing.assert_array_equal(ranked.target_ranks, ranks)
        np.testing.assert_array_equal(ranked.top_rows, top_rows)


def test_a_tie_counts_against_the_target(rank):
    ranked = rank([[1.0]], [[2.0], [5.0], [2.0], [1.0], [2.0]], [[2]], k=3)
    # By hand: 5 is above, and two others score 2 as the target does.
    assert ranked.target_ranks.tolist() == [4]
    assert ranked.top_rows.tolist() == [[1, 0, 4]]


@pytest.mark.parametrize(("num_queries", "num_candidates", "dim"), [(1, 1682, 64), (13, 1001, 33), (3, 37, 5)])
def test_a_constant_model_ranks_every_target_last(rank, num_queries, num_candidates, dim):
    generator = np.random.default_rng(0)
    candidates = np.tile(generator.normal(size=[1, dim]), [num_candidates, 1])
    ranked = rank(generator.normal(size=[num_queries, dim]), candidates, [[row] for row in range(num_queries)])
    np.testing.assert_array_equal(ranked.target_ranks, num_candidates)


@pytest.mark.parametrize("score", [-2.0, -1e-30, 0.0, 1e-30, 3.0])
def test_a_constant_model_puts_all_of_several_targets_last(rank, score):
    ranked = rank([[1.0]] * 2, [[score]] * 6, [[1, 0], [2]], [[], [0]], k=6)
    assert ranked.top_rows.tolist() == [[2, 3, 4, 5, 0, 1], [1, 3, 4, 5, 2, -1]]
    assert (ranked.target_ranks.tolist(), ranked.first_ranks.tolist()) == ([6, 5, 5], [5, 5])


def test_targets_may_stand_beyond_the_returned_ones(rank):
    ranked = rank([[1.0]], [[5.0], [4.0], [3.0], [2.0]], [[3, 2]], k=1)
    assert (ranked.target_ranks.tolist(), ranked.first_ranks.tolist(), ranked.top_rows.tolist()) == ([4, 3], [3], [[0]])


def test_an_excluded_candidate_is_neither_above_nor_in_the_top(rank):
    excluded = [[0, 3], []]
    ranked = rank([[1.0], [1.0]], [[9.0], [1.0], [2.0], [8.0]], [[1], [1]], excluded, k=4)
    assert ranked.target_ranks.tolist() == [2, 4]
    assert ranked.top_rows.tolist() == [[2, 1, -1, -1], [0, 3, 2, 1]]


def test_an_exclusion_given_twice_is_one_exclusion(rank):
    ranked = rank([[1.0]], [[9.0], [1.0], [2.0]], [[1]], [[0, 0, 0]], k=3)
    assert ranked.target_ranks.tolist() == [2]
    assert ranked.top_rows.tolist() == [[2, 1, -1]]


def test_each_block_reports_its_queries(monkeypatch, rank):
    monkeypatch.setattr(ranking, "MAX_SCORES_PER_BLOCK", 8)
    done = []
    rank(np.ones([5, 1]), np.ones([4, 1]), [[0]] * 5, on_block=done.append)
    assert done == [2, 2, 1]


def test_no_queries_have_no_ranks(rank):
    ranked = rank(np.zeros([0, 2]), np.ones([3, 2]), [], k=2)
    assert [each.shape for each in (ranked.target_ranks, ranked.first_ranks, ranked.top_rows)] == [(0,), (0,), (0, 2)]


@pytest.mark.parametrize("k", [0, -1, 4])
def test_k_outside_the_corpus_is_refused(rank, k):
    with pytest.raises(
        ranking.RankingError, match=f"k must be between 1 and the 3 candidates of the corpus, but is {k}"
    ):
        rank([[1.0]], [[1.0], [2.0], [3.0]], [[0]], k=k)


def test_a_query_that_excludes_its_own_target_is_refused(rank):
    with pytest.raises(ranking.RankingError, match="A query excludes its own target, which then has no rank; drop"):
        rank([[1.0], [1.0]], [[1.0], [2.0]], [[0], [0, 1]], [[], [1]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_embeddings_that_are_not_finite_are_refused_by_side(value):
    lists = row_lists.RowLists.of([[0]]), row_lists.RowLists.empty(1)
    for side, queries, candidates in (("query", [[value]], [[1.0]]), ("candidate", [[1.0]], [[value]])):
        with pytest.raises(ranking.RankingError, match=f"Every {side} embedding must be finite, but some hold NaN"):
            _by_embeddings(queries, candidates, *lists, 1)
        with pytest.raises(ranking.RankingError, match="Every score must be finite, but some are NaN or infinite; fit"):
            _by_scores(queries, candidates, *lists, 1)


def test_embeddings_that_are_too_large_are_refused():
    lists = row_lists.RowLists.of([[0]]), row_lists.RowLists.empty(1)
    with pytest.raises(ranking.RankingError, match="Some scores may not be finite although the embeddings are"):
        _by_embeddings([[1e20, 1e20]], [[1e20, -1e20]], *lists, 1)


def test_lists_of_another_number_of_questions_are_refused():
    one, none = row_lists.RowLists.of([[0]]), row_lists.RowLists.empty(2)
    with pytest.raises(ranking.RankingError, match=r"Each of the 1 questions .* but there are 1 and 2"):
        _by_embeddings([[1.0]], [[1.0]], one, none, 1)
