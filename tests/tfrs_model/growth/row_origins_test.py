import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import embedding_table, growth, string_embedding


def _table(vocabulary, embedding_dim=2, num_oov_buckets=2, name="table_of_ids", seed=3):
    return string_embedding.StringEmbedding(vocabulary, embedding_dim, num_oov_buckets, seed=seed, name=name)


def test_rows_are_found_by_value_wherever_they_are_now():
    origins = growth.RowOrigins.between(_table(["a", "b", "c"]), _table(["c", "new", "a"]))
    # Row 0 is the empty string, 1 and 2 the buckets; a was row 3, c row 5.
    assert origins.old_rows.tolist() == [0, 1, 2, 5, -1, 3]
    assert origins.new_values == ("new",)


def test_carried_rows_are_the_old_bits_and_new_rows_stay():
    origins = growth.RowOrigins.between(_table(["a", "b"]), _table(["b", "n", "a"]))
    old = np.array([[0.1], [0.2], [0.3], [np.float32(1e-45)], [-0.0]], np.float32)
    carried = origins.carried(old, np.full((6, 1), 7.0, np.float32))
    expected = np.array([[0.1], [0.2], [0.3], [-0.0], [7.0], [np.float32(1e-45)]], np.float32)
    np.testing.assert_array_equal(carried.view(np.uint32), expected.view(np.uint32))


def test_slots_with_one_number_a_row_are_carried_alike():
    origins = growth.RowOrigins.between(_table(["a", "b"], num_oov_buckets=1), _table(["b"], num_oov_buckets=1))
    np.testing.assert_array_equal(origins.carried(np.arange(4.0), np.zeros(3)), [0.0, 1.0, 3.0])


def test_the_first_row_of_a_value_depends_on_nothing_but_seed_table_and_value():
    later = embedding_table.initial_rows(["x", "é", "y"], 8, seed=3, owner="table_of_ids")
    alone = embedding_table.initial_rows(["y"], 8, seed=3, owner="table_of_ids")
    np.testing.assert_array_equal(later[2], alone[0])
    for other in (
        embedding_table.initial_rows(["y"], 8, seed=4, owner="table_of_ids"),
        embedding_table.initial_rows(["y"], 8, seed=3, owner="history"),
        later[:1],
    ):
        assert not np.any(other == alone)


def test_first_rows_are_distributed_as_those_of_a_new_table():
    rows = embedding_table.initial_rows([f"v{i}" for i in range(2000)], 16, seed=0, owner="t")
    # 32,000 normal numbers of deviation 1/4: mean within 5 / sqrt(32,000) / 4, deviation within 2%.
    assert abs(rows.mean()) < 0.007
    np.testing.assert_allclose(rows.std(), 0.25, rtol=0.02)
    np.testing.assert_allclose(np.mean(np.sum(rows**2, axis=1)), 1.0, rtol=0.05)


def test_a_value_may_start_where_it_was_while_it_was_unknown():
    old, new = _table(["a"], num_oov_buckets=5), _table(["a", "1footrue", "2applefalse"], num_oov_buckets=5)
    origins = growth.RowOrigins.between(old, new)
    rows = np.arange(7, dtype=np.float32)[:, np.newaxis] * np.ones([1, 2], np.float32)
    # FarmHash Fingerprint64 of these strings as BigQuery's manual prints them for FARM_FINGERPRINT.
    buckets = [1 + fingerprint % 2**64 % 5 for fingerprint in (-1541654101129638711, 2794438866806483259)]
    np.testing.assert_array_equal(origins.start_rows(new, rows, "unknown")[:, 0], buckets)
    old(tf.constant([""]))
    old.set_weights([rows])
    np.testing.assert_array_equal(
        old(tf.constant(["1footrue", "2applefalse"])), origins.start_rows(new, rows, "unknown")
    )


def test_without_new_values_there_is_nothing_to_start():
    table = _table(["a"])
    for new_rows in growth.NEW_ROWS:
        start = growth.RowOrigins.between(table, table).start_rows(table, np.zeros((4, 2), np.float32), new_rows)
        assert start.shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"embedding_dim": 3}, "embedding_dim was 2 and is 3"),
        ({"num_oov_buckets": 1}, "num_oov_buckets was 2 and is 1"),
        ({"name": "other"}, "name was 'table_of_ids' and is 'other'"),
    ],
)
def test_tables_that_differ_in_more_than_the_vocabulary_are_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        growth.RowOrigins.between(_table(["a"]), _table(["a"], **change))
