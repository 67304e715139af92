import numpy as np
import pytest

from tfrs_model.diagnostics import block_contrast


def test_contrast_by_hand():
    similarities = np.array([[7.0, 0.9, 0.1], [0.9, 7.0, 0.3], [0.1, 0.3, 7.0]])
    assert block_contrast.block_contrast(similarities, np.array([0, 0, 1])) == pytest.approx(0.7)


def test_the_groups_themselves_have_contrast_one_and_constants_none():
    groups = np.array([2, 0, 2, 1, 1])
    same = (groups[:, np.newaxis] == groups).astype(float)
    assert block_contrast.block_contrast(same, groups) == 1.0
    assert block_contrast.block_contrast(np.full([5, 5], 0.4), groups) == pytest.approx(0.0)


@pytest.mark.parametrize("groups", [[0, 0, 0], [0, 1, 2]])
def test_groups_without_two_kinds_of_pairs_are_refused(groups):
    with pytest.raises(ValueError, match="there is no contrast"):
        block_contrast.block_contrast(np.eye(3), np.array(groups))


def test_purity_asks_for_the_order_alone_and_leaves_the_diagonal_out():
    similarities = 0.5 + 0.001 * np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 2.0], [1.0, 2.0, 0.0]])
    groups = np.array([0, 0, 1])
    # The nearest of rows 0 and 1 are each other, that of row 2 is row 1, of another group.
    assert block_contrast.neighbour_purity(similarities, groups, 1) == pytest.approx(2 / 3)
    assert block_contrast.neighbour_purity(similarities, groups, 2) == pytest.approx(2 / 6)
