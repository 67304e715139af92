import numpy as np
import pytest

from tfrs_model import ranking


def _ragged(lists):
    """Returns lists of rows, one for each query, as rows and bounds."""
    return np.array([row for each in lists for row in each], np.int64), np.cumsum([0, *map(len, lists)])


def _rank(queries, candidates, targets, excluded=None, k=1, on_block=None):
    excluded = excluded or [[] for _ in queries]
    queries, candidates = np.array(queries, np.float32), np.array(candidates, np.float32)
    return ranking.rank_for_targets(queries, candidates, *_ragged(targets), *_ragged(excluded), k, on_block)


def _sorted_by_python(queries, candidates, targets, excluded, k):
    """A full sort of every query: targets behind others that score the same, then by row."""
    first_ranks, top_rows = [], []
    for query, of_query, left_out in zip(queries, targets, excluded, strict=True):
        scores = [float(np.dot(query.astype(np.float64), each)) for each in candidates]
        order = sorted(set(range(len(scores))) - set(left_out), key=lambda row: (-scores[row], row in of_query, row))
        first_ranks.append(1 + min(order.index(row) for row in of_query))
        top_rows.append((order + [-1] * k)[:k])
    return first_ranks, top_rows


def _random_case(num_queries=37, num_candidates=29, dim=4, seed=0):
    # Small integers: scores are exact in any order of summation, many are tied, and many are 0.
    generator = np.random.default_rng(seed)
    queries, candidates = (
        generator.integers(-3, 4, size=[size, dim]).astype(np.float32) for size in (num_queries, num_candidates)
    )
    shuffled = [generator.permutation(num_candidates).tolist() for _ in queries]
    sizes = [(generator.integers(1, 8), generator.integers(num_candidates - 8)) for _ in queries]
    targets = [rows[:own] for rows, (own, _) in zip(shuffled, sizes, strict=True)]
    excluded = [rows[own : own + others] for rows, (own, others) in zip(shuffled, sizes, strict=True)]
    return queries, candidates, targets, excluded


@pytest.mark.parametrize("max_scores", [1, 29 * 2, 29 * 5 + 3, 29 * 37, 2**25])
@pytest.mark.parametrize("k", [1, 7, 29])
def test_tops_and_first_ranks_are_those_of_a_full_sort_in_blocks_of_any_size(monkeypatch, max_scores, k):
    monkeypatch.setattr(ranking, "_MAX_SCORES_PER_BLOCK", max_scores)
    case = _random_case()
    ranked = _rank(*case, k)
    first_ranks, top_rows = _sorted_by_python(*case, k)
    np.testing.assert_array_equal(ranked.first_ranks, first_ranks)
    np.testing.assert_array_equal(ranked.top_rows, top_rows)


@pytest.mark.parametrize("score", [-2.0, -1e-30, 0.0, 1e-30, 3.0])
def test_a_constant_model_puts_every_target_last(score):
    ranked = _rank([[1.0]] * 2, [[score]] * 6, [[0, 1], [2]], [[], [0]], k=6)
    assert ranked.top_rows.tolist() == [[2, 3, 4, 5, 0, 1], [1, 3, 4, 5, 2, -1]]
    assert ranked.first_ranks.tolist() == [5, 5]


def test_the_first_target_may_stand_beyond_the_returned_ones():
    ranked = _rank([[1.0]], [[5.0], [4.0], [3.0], [2.0]], [[3, 2]], k=1)
    assert (ranked.first_ranks.tolist(), ranked.top_rows.tolist()) == ([3], [[0]])


def test_each_block_reports_its_queries(monkeypatch):
    monkeypatch.setattr(ranking, "_MAX_SCORES_PER_BLOCK", 8)
    done = []
    _rank(np.ones([5, 1]), np.ones([4, 1]), [[0]] * 5, on_block=done.append)
    assert done == [2, 2, 1]


def test_no_queries_have_no_ranks():
    ranked = _rank(np.zeros([0, 2]), np.ones([3, 2]), [], k=2)
    assert (ranked.first_ranks.shape, ranked.top_rows.shape) == ((0,), (0, 2))


def test_embeddings_that_are_not_finite_or_too_large_are_refused():
    for side, queries, candidates in (("query", [[np.nan]], [[1.0]]), ("candidate", [[1.0]], [[np.inf]])):
        with pytest.raises(ranking.RankingError, match=f"Every {side} embedding must be finite, but some hold NaN"):
            _rank(queries, candidates, [[0]])
    with pytest.raises(ranking.RankingError, match="Some scores may not be finite although the embeddings are"):
        _rank([[1e20, 1e20]], [[1e20, -1e20]], [[0]])


@pytest.mark.parametrize("k", [0, 4])
def test_k_outside_the_corpus_is_refused(k):
    with pytest.raises(ranking.RankingError, match=f"between 1 and the 3 candidates of the corpus, but is {k}"):
        _rank([[1.0]], [[1.0], [2.0], [3.0]], [[0]], k=k)


def test_a_query_without_a_target_or_with_an_excluded_one_is_refused():
    with pytest.raises(ranking.RankingError, match="Every query must have a target, but some have none; drop"):
        _rank([[1.0], [1.0]], [[1.0], [2.0]], [[0], []])
    with pytest.raises(ranking.RankingError, match="A query excludes its own target, which then has no rank; drop"):
        _rank([[1.0], [1.0]], [[1.0], [2.0]], [[0], [0, 1]], [[], [1]])
