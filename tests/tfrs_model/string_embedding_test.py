import json

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import string_embedding


def _numbered_rows(layer):
    """Fills the table so that row r reads [r, r, ...]: an embedding then tells its row."""
    layer(tf.constant([""]))
    (table,) = layer.get_weights()
    layer.set_weights([np.arange(len(table), dtype=np.float32)[:, np.newaxis] * np.ones_like(table)])
    return layer


def test_known_values_have_a_row_each_after_the_empty_string_and_the_unknown():
    layer = _numbered_rows(string_embedding.StringEmbedding(["a", "b", "é"], 2, num_oov_buckets=3))
    # Row 0 is the empty string, rows 1 to 3 the unknown, so "a" has row 4.
    np.testing.assert_array_equal(layer(tf.constant(["b", "a", "é", "b"])), [[5, 5], [4, 4], [6, 6], [5, 5]])


@pytest.mark.parametrize("vocabulary", [["a"], []])
def test_unknown_values_share_rows_by_their_farm_hash(vocabulary):
    layer = _numbered_rows(string_embedding.StringEmbedding(vocabulary, 1, num_oov_buckets=5))
    # FarmHash Fingerprint64 of these strings as BigQuery's manual prints them for FARM_FINGERPRINT.
    prints = {"1footrue": -1541654101129638711, "2applefalse": 2794438866806483259, "3true": -4880158226897771312}
    expected = [[1 + fingerprint % 2**64 % 5] for fingerprint in prints.values()]
    np.testing.assert_array_equal(layer(tf.constant(list(prints))), expected)


def test_with_one_bucket_all_unknown_values_are_one():
    layer = _numbered_rows(string_embedding.StringEmbedding(["a"], 1))
    np.testing.assert_array_equal(layer(tf.constant(["x", "y", "A", "a "])), [[1]] * 4)


def test_the_empty_string_is_zero_and_trains_no_row():
    layer = string_embedding.StringEmbedding(["a"], 3)
    with tf.GradientTape() as tape:
        embedded = layer(tf.constant([["", "a"]]))
        loss = tf.reduce_sum(embedded)
    np.testing.assert_array_equal(embedded[0, 0], np.zeros(3))
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.trainable_variables[0]))
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [0, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize("num_buckets", [1, 2, 1000])
@pytest.mark.parametrize("vocabulary", [["other"], []])
def test_a_value_taken_for_unknown_has_the_row_it_has_where_it_is_unknown(num_buckets, vocabulary):
    values = [f"v{i}" for i in range(200)] + ["é", "[UNK]", " "]
    taken = _numbered_rows(string_embedding.StringEmbedding(values, 1, num_buckets))
    unaware = _numbered_rows(string_embedding.StringEmbedding(vocabulary, 1, num_buckets))
    rows = taken(tf.constant(values), as_unknown=tf.ones([len(values)], tf.bool))
    np.testing.assert_array_equal(rows, unaware(tf.constant(values)))
    assert len(np.unique(rows)) > min(num_buckets, 100) - 1
    # Unknown anyway, and so the same row.
    np.testing.assert_array_equal(unaware(tf.constant(values), as_unknown=tf.ones([len(values)], tf.bool)), rows)


def test_only_the_marked_values_are_taken_for_unknown_and_the_empty_string_is_none():
    layer = _numbered_rows(string_embedding.StringEmbedding(["a", "b"], 1))
    rows = layer(tf.constant([["a", "a"], ["b", ""]]), as_unknown=tf.constant([[True, False], [True, True]]))
    np.testing.assert_array_equal(rows[..., 0], [[1, 2], [1, 0]])


def test_a_value_taken_for_unknown_trains_the_row_of_the_unknown_alone():
    layer = string_embedding.StringEmbedding(["a", "b"], 1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant(["a", "b"]), as_unknown=tf.constant([True, False])))
    gradient = tape.gradient(loss, layer.trainable_variables[0])
    assert sorted(gradient.indices.numpy()) == [1, 3]


def test_an_empty_vocabulary_leaves_only_the_unknown():
    # So it is with a feature that no training row carries.
    layer = _numbered_rows(string_embedding.StringEmbedding([], 2))
    np.testing.assert_array_equal(layer(tf.constant(["x", "", "y"])), [[1, 1], [0, 0], [1, 1]])


@pytest.mark.parametrize("vocabulary", [["[UNK]", "a"], ["a", "[UNK]"]])
def test_the_name_keras_gives_the_unknown_is_an_ordinary_value(vocabulary):
    layer = _numbered_rows(string_embedding.StringEmbedding(vocabulary, 1))
    expected = [[2 + vocabulary.index("[UNK]")], [2 + vocabulary.index("a")], [1]]
    np.testing.assert_array_equal(layer(tf.constant(["[UNK]", "a", "z"])), expected)


@pytest.mark.parametrize("shape", [[4], [2, 3], [0, 3], [2, 0]])
def test_each_value_of_any_shape_becomes_a_vector(shape):
    layer = string_embedding.StringEmbedding(["a"], 5)
    assert layer(tf.fill(shape, "a")).shape == [*shape, 5]
    assert layer.embedding_dim == 5


def test_initial_rows_have_length_about_one_and_depend_on_seed_and_name_only():
    def rows(seed, name, dim=100):
        layer = string_embedding.StringEmbedding([f"v{i}" for i in range(998)], dim, seed=seed, name=name)
        layer(tf.constant([""]))
        return layer.get_weights()[0]

    first = rows(0, "one")
    # A squared length is chi squared with 100 degrees over 100: mean 1, deviation sqrt(2 / 100); the mean is of 1000.
    assert abs(np.mean(np.sum(first**2, axis=1)) - 1.0) < 5 * np.sqrt(2 / 100 / 1000)
    np.testing.assert_array_equal(rows(0, "one"), first)
    for other in (rows(1, "one"), rows(0, "two")):
        assert abs(np.corrcoef(other.ravel(), first.ravel())[0, 1]) < 5 / np.sqrt(first.size)


def test_a_layer_made_from_the_config_answers_the_same_with_the_same_weights():
    layer = string_embedding.StringEmbedding(["a", "b"], 4, num_oov_buckets=2, seed=5, name="ids")
    config = json.loads(json.dumps(layer.get_config()))
    copy = string_embedding.StringEmbedding.from_config(config)
    values = tf.constant(["a", "b", "", "x", "y"])
    np.testing.assert_array_equal(copy(values), layer(values))
    layer.set_weights([np.random.default_rng(0).normal(size=(5, 4))])
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(values), layer(values))


@pytest.mark.parametrize("vocabulary", [["a", ""], ["a", "b", "a"]])
def test_empty_and_repeated_vocabulary_values_are_refused(vocabulary):
    with pytest.raises(ValueError, match="genre: vocabulary values must be non-empty and unique; remove empties and"):
        string_embedding.StringEmbedding(vocabulary, 2, name="genre")


@pytest.mark.parametrize(("dim", "buckets"), [(0, 1), (2, 0), (-1, 1)])
def test_sizes_below_one_are_refused(dim, buckets):
    with pytest.raises(
        ValueError, match=f"genre: embedding_dim and num_oov_buckets must be >= 1, but are {dim} and {buckets}."
    ):
        string_embedding.StringEmbedding(["a"], dim, buckets, name="genre")


def test_a_vocabulary_of_bytes_is_refused_rather_than_never_found():
    with pytest.raises(ValueError, match="vocabulary values must be text, but b'a' is not; decode or format it"):
        string_embedding.StringEmbedding([b"a"], 2)
