import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from pipelines.bulk import query_columns, query_sources
from tfrs_model import row_lists

_SPECS = {
    "age": tf.TensorSpec([None], tf.float32),
    "motto": tf.TensorSpec([None], tf.string),
    "tags": tf.TensorSpec([None, None], tf.string),
    "tags_weights": tf.TensorSpec([None, None], tf.float32),
    "history_timestamps": tf.TensorSpec([None, None], tf.int64),
}


def _gathered(**columns):
    table = query_columns.encoded(pa.table(columns))
    read = query_columns.read_columns(table, columns, _SPECS)
    return {name: each.gather(tf.constant([0, 2], tf.int64)).numpy().tolist() for name, each in read.items()}


def test_a_null_is_the_missing_value_and_short_lists_are_filled_as_a_request_fills_them():
    found = _gathered(
        age=[None, 1.0, 2.5],
        motto=["a", None, None],
        tags=[["x", "y"], [], None],
        tags_weights=[[0.5, 2.0], [], None],
        history_timestamps=[[7, 8], None, [9]],
    )
    assert np.isnan(found["age"][0])
    assert found["age"][1] == 2.5
    assert found["motto"] == [b"a", b""]
    assert found["tags"] == [[b"x", b"y"], [b"", b""]]
    assert found["tags_weights"] == [[0.5, 2.0], [0.0, 0.0]]
    assert found["history_timestamps"] == [[7, 8], [9, -1]]


def test_whole_numbers_pass_for_floats_and_dictionaries_for_texts():
    motto = pa.array(["a", "b", "a"]).dictionary_encode()
    assert _gathered(age=[1, 2, 3], motto=motto) == {"age": [1.0, 3.0], "motto": [b"a", b"a"]}


@pytest.mark.parametrize(("name", "values"), [("age", ["old"]), ("tags", ["x"]), ("tags", [["x", None]])])
def test_what_the_export_cannot_take_is_refused(name, values):
    with pytest.raises(query_sources.QuerySourceError, match=f"olumn '{name}' of the queries must "):
        query_columns.read_columns(pa.table({name: values}), [name], _SPECS)


def test_exclusions_become_rows_and_what_is_not_served_excludes_nothing():
    reader = query_columns.ExclusionReader(np.array([b"a", b"b", b"c"], object))
    column = pa.chunked_array([[["c", "never", "a"], None], [[], ["b", None, "b"]]])
    for each in (column, query_columns.encoded(pa.table({"lists": column}))["lists"]):
        found = reader.read(each)
        assert (found.rows.tolist(), found.splits.tolist()) == ([2, 0, 1, 1], [0, 2, 2, 2, 4])


def test_encoded_lists_are_the_same_lists_even_of_a_part_of_a_table():
    table = pa.table({"lists": [["a"], ["b", "a"], None, [], ["c"]], "age": [1, 2, 3, 4, 5]}).slice(1, 4)
    found = query_columns.encoded(table)
    assert found.to_pylist() == [{**row, "lists": row["lists"] or []} for row in table.to_pylist()]


def test_joined_lists_hold_the_rows_of_both():
    joined = query_columns.joined(row_lists.RowLists.of([[1], [], [2, 3]]), row_lists.RowLists.of([[4, 5], [6], []]))
    assert [joined.rows[joined.bounds(i)].tolist() for i in range(3)] == [[1, 4, 5], [6], [2, 3]]
