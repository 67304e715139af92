import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import item_to_item


def test_scores_add_the_rows_of_what_is_in_the_history_each_once():
    weights = np.arange(9.0).reshape(3, 3)
    scores = item_to_item.ItemToItem(weights).scores(logs.states([2, 0, 2], [], [1]))
    assert scores.dtype == np.float32
    # Rows 0 and 2: [0, 1, 2] + [6, 7, 8].
    assert scores.tolist() == [[6, 8, 10], [0, 0, 0], [3, 4, 5]]


def test_nobody_gets_no_scores():
    assert item_to_item.ItemToItem(np.eye(3)).scores(logs.states()).shape == (0, 3)


def test_weights_that_are_no_square_are_refused():
    with pytest.raises(ValueError, match=r"must be a square matrix, but have the shape \(2, 3\)"):
        item_to_item.ItemToItem(np.zeros([2, 3]))
