import numpy as np

from tfrs_model import row_lists

_LISTS = [[3, 1], [], [4], [1, 5, 9]]


def _lists(found):
    return [rows.tolist() for rows in np.split(found.rows, found.splits[1:-1])]


def test_lists_stand_one_after_the_other():
    found = row_lists.RowLists.of(_LISTS)
    assert (found.rows.tolist(), found.splits.tolist()) == ([3, 1, 4, 1, 5, 9], [0, 2, 2, 3, 6])
    assert (len(found), found.lengths.tolist(), found.owners.tolist()) == (4, [2, 0, 1, 3], [0, 0, 2, 3, 3, 3])


def test_neighbours_and_chosen_lists_are_those_of_python():
    found = row_lists.RowLists.of(_LISTS)
    assert _lists(found[1:3]) == [[], [4]]
    assert _lists(found[2:]) == [[4], [1, 5, 9]]
    assert _lists(found.take(np.array([3, 1, 0, 3]))) == [[1, 5, 9], [], [3, 1], [1, 5, 9]]
    assert found.take(np.array([], np.int64)).splits.tolist() == [0]


def test_slices_may_overlap():
    rows, begin, end = np.array([7, 8, 9]), np.array([0, 1, 2]), np.array([2, 3, 2])
    assert _lists(row_lists.RowLists.of_slices(rows, begin, end)) == [[7, 8], [8, 9], []]


def test_there_are_lists_of_one_and_of_none():
    assert _lists(row_lists.RowLists.of_one(np.array([5, 6]))) == [[5], [6]]
    assert _lists(row_lists.RowLists.empty(2)) == [[], []]


def test_a_row_that_comes_again_counts_once_in_its_list():
    lists = row_lists.RowLists.of([[4, 2, 4], [], [2]]).distinct()
    assert (lists.rows.tolist(), lists.splits.tolist()) == ([2, 4, 2], [0, 2, 2, 3])
    assert row_lists.RowLists.empty(2).distinct().splits.tolist() == [0, 0, 0]
