import numpy as np
import pytest

from tfrs_model import row_lists
from tfrs_model.diagnostics import folding

_GROUPS = np.array([0, 0, 1, 1])


def test_a_query_is_pure_where_all_it_chose_is_in_one_group():
    chosen = row_lists.RowLists.of([[0, 1, 0], [0, 2], [], [3]])
    pure = folding.pure_queries(chosen, _GROUPS)
    assert pure.rows.tolist() == [0, 3]
    assert pure.groups.tolist() == [0, 1]


@pytest.mark.parametrize(("least_share", "rows"), [(0.7, [0]), (0.71, [])])
def test_a_lower_share_lets_a_query_stray(least_share, rows):
    # Seven of ten interactions; .7 * 10 is above 7 in floating point.
    chosen = row_lists.RowLists.of([[0] * 7 + [2] * 3])
    if rows:
        pure = folding.pure_queries(chosen, _GROUPS, least_share)
        assert (pure.rows.tolist(), pure.shares.tolist()) == (rows, [0.7])
    else:
        with pytest.raises(folding.FoldingError, match="No query has 71% of its interactions in one group"):
            folding.pure_queries(chosen, _GROUPS, least_share)


def test_the_shares_are_those_of_the_docstring():
    shares = folding.foreign_shares(np.array([[1, 2]]), np.array([0]), _GROUPS, excluded=row_lists.RowLists.of([[0]]))
    assert shares.summary() == pytest.approx({"foreign_share": 1 / 2, "chance": 2 / 3, "forced": 1 / 2})


def test_the_shares_are_those_of_a_loop_and_a_random_order_gives_the_chance():
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 5, 60)
    own = generator.integers(0, 5, 3000)
    excluded = [generator.choice(60, size, replace=False) for size in generator.integers(0, 12, 3000)]
    top = np.array([generator.permutation(np.setdiff1d(np.arange(60), each))[:10] for each in excluded])
    shares = folding.foreign_shares(top, own, groups, row_lists.RowLists.of(excluded))
    for i in range(50):
        left = [row for row in range(60) if row not in excluded[i]]
        num_own = sum(groups[row] == own[i] for row in left)
        assert shares.measured[i] == pytest.approx(sum(groups[row] != own[i] for row in top[i]) / 10)
        assert shares.chance[i] == pytest.approx(1 - num_own / len(left))
        assert shares.forced[i] == pytest.approx(max(0, 10 - num_own) / 10)
    assert shares.measured.mean() == pytest.approx(shares.chance.mean(), abs=0.01)


def test_a_group_that_no_candidate_has_is_all_foreign():
    shares = folding.foreign_shares(np.array([[0]]), np.array([7]), _GROUPS, row_lists.RowLists.empty(1))
    assert shares.summary() == {"foreign_share": 1.0, "chance": 1.0, "forced": 1.0}


@pytest.mark.parametrize(
    ("top_rows", "excluded", "sentence"),
    [
        ([[0, -1]], [[]], "Every query needs 2 answers, but 1 have fewer"),
        ([[0, 1]], [[1]], "answered with a candidate that is excluded"),
    ],
)
def test_answers_that_are_none_are_refused(top_rows, excluded, sentence):
    with pytest.raises(folding.FoldingError, match=sentence):
        folding.foreign_shares(np.array(top_rows), np.array([0]), _GROUPS, row_lists.RowLists.of(excluded))


def test_groups_and_shares_out_of_range_are_refused():
    chosen = row_lists.RowLists.of([[0]])
    with pytest.raises(folding.FoldingError, match=r"least_share must be in \(.5, 1\].*but is 0.5"):
        folding.pure_queries(chosen, _GROUPS, 0.5)
    with pytest.raises(folding.FoldingError, match="needs a group >= 0, but 1 have none"):
        folding.pure_queries(chosen, np.array([0, -1]))
