import numpy as np
import tensorflow as tf

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import query_states


def test_histories_are_read_from_one_sequence_that_states_share():
    sequence = np.array([4, 2, 4, 7], np.int32)
    states = query_states.QueryStates(np.array([5, 5, 6]), np.array([0, 0, 3]), np.array([1, 3, 3]), sequence)
    assert [each.tolist() for each in states.histories()] == [[4], [4, 2, 4], []]
    assert [each.tolist() for each in states.part(1, 3).histories()] == [[4, 2, 4], []]
    assert states.part(1, 3).query_rows.tolist() == [5, 6]
    lists = states.history_lists
    assert (lists.rows.tolist(), lists.splits.tolist()) == ([4, 4, 2, 4], [0, 1, 4, 4])


def test_nobody_has_no_history():
    assert len(logs.states().history_lists) == 0
    assert logs.states().chosen(3).shape == [0, 3]


def test_what_was_chosen_is_one_in_the_matrix_however_often():
    chosen = tf.sparse.to_dense(logs.states([2, 0, 2], []).chosen(3))
    assert chosen.numpy().tolist() == [[1, 0, 1], [0, 0, 0]]
