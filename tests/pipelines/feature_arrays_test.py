import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from pipelines import feature_arrays
from tfrs_model.schema import Feature

TAGS = Feature("tags", "multivalent", weights_column="w")


def _gathered(columns, feature, rows):
    arrays = feature_arrays.read_features(columns, [feature])
    return {name: array.gather(tf.constant(rows, tf.int64)).numpy() for name, array in arrays.items()}


def _lists(*chunks):
    weights = [[list(map(float, range(1, len(each) + 1))) for each in chunk] for chunk in chunks]
    return {
        "tags": pa.chunked_array(list(chunks), pa.list_(pa.string())),
        "tags_weights": pa.chunked_array(weights, pa.list_(pa.float32())),
    }


def test_lists_are_filled_to_the_longest_of_the_batch_with_weight_zero():
    found = _gathered(_lists([["a", "b"], [], ["b"]]), TAGS, [2, 0, 1, 2])
    assert found["tags"].tolist() == [[b"b", b""], [b"a", b"b"], [b"", b""], [b"b", b""]]
    assert found["tags_weights"].tolist() == [[1, 0], [1, 2], [0, 0], [1, 0]]
    assert found["tags_weights"].dtype == np.float32


@pytest.mark.parametrize(
    ("rows", "expected"), [([1, 2], [["b"], [""]]), ([2], [[""]]), ([3, 1], [["a", "b", "c"], ["b", "", ""]]), ([], [])]
)
def test_a_list_of_another_batch_does_not_widen_this_one_in_a_graph_either(rows, expected):
    columns = _lists([["a", "b"], ["b"], [], ["a", "b", "c"]])
    arrays = feature_arrays.read_features(columns, [TAGS])
    spec = [tf.TensorSpec([None], tf.int64)]
    for name in ("tags", "tags_weights"):
        graph = tf.function(arrays[name].gather, input_signature=spec)
        found = graph(tf.constant(rows, tf.int64)).numpy()
        assert found.shape == (len(rows), max([1, *map(len, expected)]))
        if name == "tags":
            assert [[each.decode() for each in row] for row in found] == expected


def test_a_table_of_empty_lists_still_has_a_column():
    found = _gathered(_lists([[], []]), TAGS, [0, 1])
    assert found["tags"].tolist() == [[b""], [b""]]
    assert found["tags_weights"].tolist() == [[0], [0]]


@pytest.mark.parametrize("chunks", [[[["a", "b"], ["c"]], [["b", "d"]]], [[["a", "b"]], [], [["c"], ["b", "d"]]]])
def test_chunks_are_one_table(chunks):
    found = _gathered(_lists(*chunks), TAGS, [0, 1, 2])
    assert found["tags"].tolist() == [[b"a", b"b"], [b"c", b""], [b"b", b"d"]]


def test_a_slice_of_a_table_is_that_slice():
    table = pa.table(_lists([["a"], ["b", "c"], [], ["d"]])).slice(1, 2)
    assert _gathered(table, TAGS, [0, 1])["tags"].tolist() == [[b"b", b"c"], [b"", b""]]


@pytest.mark.parametrize("dictionary", [False, True])
def test_text_is_text_however_it_is_held(dictionary):
    column = pa.chunked_array([["x", "", "é"], ["x"]])
    column = column.dictionary_encode() if dictionary else column
    found = _gathered({"device": column}, Feature("device", "categorical"), [3, 2, 1, 0, 0])
    assert [each.decode() for each in found["device"]] == ["x", "é", "", "x", "x"]


def test_an_empty_table_gathers_nothing():
    assert _gathered({"device": pa.chunked_array([], pa.string())}, Feature("device", "categorical"), [])[
        "device"
    ].shape == (0,)
    assert _gathered(_lists([]), TAGS, [])["tags"].shape == (0, 1)


@pytest.mark.parametrize(
    ("feature", "values", "dtype"),
    [
        (Feature("x", "numeric"), pa.array([1.5, np.nan], pa.float32()), np.float32),
        (Feature("x", "bucketised", num_buckets=2), pa.array([1.5, np.nan], pa.float32()), np.float32),
        (Feature("x", "timestamp"), pa.array([2**53 + 1, -1], pa.int64()), np.int64),
    ],
)
def test_numbers_keep_their_type_and_every_bit(feature, values, dtype):
    found = _gathered({"x": pa.chunked_array([values])}, feature, [0, 1])["x"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values.to_numpy())
