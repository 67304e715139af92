import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrs_model import column_masks


def _masked(mask, num_rows, num_columns):
    """Returns the mask as a matrix, both of its parts together."""
    is_masked = (np.asarray(mask.of_rows) @ np.asarray(mask.of_columns).T) < 0.0
    for row, column in np.asarray(mask.positions(tf.constant(0), tf.constant(num_rows))):
        is_masked[row, column] = True
    return is_masked


@settings(max_examples=40, deadline=None)
@given(
    columns=st.lists(st.integers(-3, 90), min_size=1, max_size=120),
    rows=st.lists(st.lists(st.integers(-3, 90), min_size=3, max_size=3), min_size=1, max_size=8),
)
def test_a_column_is_masked_exactly_where_its_key_is_one_of_the_rows(columns, rows):
    mask = column_masks.mask_columns(tf.constant(columns, tf.int64), tf.constant(rows, tf.int64))
    expected = [[column in row for column in columns] for row in rows]
    np.testing.assert_array_equal(_masked(mask, len(rows), len(columns)), expected)


def test_positions_of_some_rows_count_from_the_first_of_them():
    keys = tf.constant([*range(100, 200), 7, 8, 7], tf.int64)
    mask = column_masks.mask_columns(keys, tf.constant([[7], [8], [9]], tf.int64))
    # 7 comes twice and is a dimension of its own, 8 once, as does every other.
    assert np.asarray(mask.positions(tf.constant(0), tf.constant(1))).tolist() == []
    assert np.asarray(mask.positions(tf.constant(1), tf.constant(3))).tolist() in ([[0, 101]], [])
    assert _masked(mask, 3, 103)[:, 100:].tolist() == [[True, False, True], [False, True, False], [False] * 3]


def test_what_few_keys_mask_again_and_again_is_not_listed_pair_by_pair():
    keys = tf.constant([1] * 5000 + [2] * 3000 + list(range(10, 110)), tf.int64)
    mask = column_masks.mask_columns(keys, tf.tile(tf.constant([[1, 2, 15]], tf.int64), [64, 1]))
    assert len(mask.positions(tf.constant(0), tf.constant(64))) <= 64


@pytest.mark.parametrize("keys", [[], [5, 5]])
def test_no_columns_or_no_keys_mask_nothing(keys):
    mask = column_masks.mask_columns(tf.constant(keys, tf.int64), tf.zeros([2, 0], tf.int64))
    assert not _masked(mask, 2, len(keys)).any()


def test_a_column_with_several_keys_is_masked_by_each_of_them():
    keys = tf.constant([[1, 10], [2, 10], [1, 20], [3, 20]], tf.int64)
    mask = column_masks.mask_columns(keys, tf.constant([[1, 99], [2, 20], [98, 97]], tf.int64))
    assert _masked(mask, 3, 4).tolist() == [[True, False, True, False], [False, True, True, True], [False] * 4]


def test_many_columns_with_two_keys_are_masked_like_a_comparison_pair_by_pair():
    generator = np.random.default_rng(0)
    columns, rows = generator.integers(0, 60, [200, 2]), generator.integers(0, 60, [20, 3])
    mask = column_masks.mask_columns(tf.constant(columns), tf.constant(rows))
    expected = [[bool(set(column) & set(row)) for column in columns] for row in rows]
    np.testing.assert_array_equal(_masked(mask, 20, 200), expected)
