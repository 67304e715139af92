import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import artifacts, feature_arrays, interaction_rows, prepared_data
from tfrs_model import schema

_QUERY_IDS = pa.chunked_array([["p", "q"], ["r", "s"]])
_CANDIDATE_IDS = pa.chunked_array([["a", "b", "c"]])
_LOG = {
    "query_id": ["p", "q", "q", "q", "s"],
    "candidate_id": ["c", "a", "b", "c", "a"],
    "timestamp": [5, 1, 2, 2, 3],
    "split": ["train", "train", "validation", "train", "test"],
    "history_end": np.array([0, 0, 1, 1, 0], np.int64),
    "context.page": [["x"], [], ["x", "y"], [], ["z"]],
}


def _read(tmp_path, log=_LOG, **options) -> pa.Table:
    path = tmp_path / "interactions.parquet"
    pq.write_table(pa.table(log) if isinstance(log, dict) else log, path, **options)
    return interaction_rows.read_interaction_rows(path, _QUERY_IDS, _CANDIDATE_IDS, ("train", "validation", "test"))


@pytest.mark.parametrize("options", [{}, {"row_group_size": 2}, {"use_dictionary": False, "row_group_size": 3}])
def test_ids_become_rows_however_the_file_is_cut_and_encoded(tmp_path, options):
    table = _read(tmp_path, **options)
    assert table["query_row"].to_pylist() == [0, 1, 1, 1, 3]
    assert table["candidate_row"].to_pylist() == [2, 0, 1, 2, 0]
    assert table["split"].to_pylist() == [0, 0, 1, 0, 2]
    assert [str(table[name].type) for name in ("query_row", "candidate_row", "split")] == ["int32", "int32", "int8"]


def test_other_columns_stay_as_they_are_and_numbers_are_in_one_chunk(tmp_path):
    table = _read(tmp_path, {**_LOG, "context.wait": [1.0, 2.0, 3.0, 4.0, 5.0]}, row_group_size=2)
    assert table["context.page"].to_pylist() == _LOG["context.page"]
    assert table["context.wait"].to_pylist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert table["timestamp"].to_pylist() == _LOG["timestamp"]
    assert str(table["history_end"].type) == "int32"
    assert {table[name].num_chunks for name in table.column_names if name != "context.page"} == {1}


def test_text_and_lists_are_never_put_into_one_chunk_which_can_overflow(tmp_path):
    table = _read(tmp_path, {**_LOG, "context.device": ["x", "y", "", "x", "z"]}, row_group_size=2)
    assert [len(chunk) for chunk in table["context.page"].chunks] == [2, 2, 1]
    assert [len(chunk) for chunk in table["context.device"].chunks] == [2, 2, 1]
    empty = _read(tmp_path, pa.table({name: pa.array(values) for name, values in _LOG.items()}).slice(0, 0))
    assert empty["context.page"].to_pylist() == []


@pytest.mark.parametrize(
    ("chunks", "dtype"),
    [
        ([["x", ""], ["y", "x"]], "large_string"),
        ([[["x"], []], [["x", "y"], ["z"]]], "large_list<element: large_string>"),
        ([[[1.5], []], [[1.5, 2.0], [4.0]]], "large_list<element: double>"),
        ([[1.5, 2.5], [-1.0, 0.0]], "double"),
    ],
)
def test_what_is_taken_of_text_and_lists_may_be_more_than_two_gibibytes(chunks, dtype):
    # The offsets of `string` and `list` are 32 bits wide: what is taken from several chunks fails where they end.
    taken = interaction_rows.take(pa.chunked_array(chunks), np.array([3, 0, 2]))
    assert str(taken.type).replace("item:", "element:") == dtype
    assert taken.to_pylist() == [chunks[1][1], chunks[0][0], chunks[1][0]]


def test_examples_take_their_context_so_and_it_is_read_like_the_whole(tmp_path):
    features = [schema.Feature("page", "multivalent"), schema.Feature("device", "categorical")]
    log = {**_LOG, "context.device": ["x", "y", "", "x", "z"]}
    table = _read(tmp_path, log, row_group_size=2)
    none, context = np.zeros(5, np.int32), {each.name: table[f"context.{each.name}"] for each in features}
    taken = prepared_data.Examples(*[none] * 8, context=context).take(np.array([0, 2, 4]))
    assert {name: str(column.type)[:6] for name, column in taken.context.items()} == {
        "page": "large_",
        "device": "large_",
    }
    arrays = feature_arrays.read_features(taken.context, features)
    rows = np.arange(3)
    assert arrays["page"].gather(rows).numpy().tolist() == [[b"x", b""], [b"x", b"y"], [b"z", b""]]
    assert arrays["device"].gather(rows).numpy().tolist() == [b"x", b"", b"z"]


@pytest.mark.parametrize("column", ["query_id", "candidate_id", "split"])
@pytest.mark.parametrize("value", ["elsewhere", None])
def test_an_id_that_its_table_lacks_is_refused(tmp_path, column, value):
    with pytest.raises(pa.ArrowInvalid, match=r"holds an id or a split that is not one of the \d known"):
        _read(tmp_path, {**_LOG, column: [value, *_LOG[column][1:]]})


def test_a_log_is_read_in_a_fraction_of_the_memory_that_its_text_takes(tmp_path):
    rows = 300_000
    ids = [f"{'a long query id, ' * 10}{i:02d}" for i in range(10)]
    path = tmp_path / "interactions.parquet"
    log = {"query_id": np.repeat(ids, rows // 10), "candidate_id": np.tile(["a", "b", "c"], rows // 3)}
    log |= {"split": np.repeat(["train"], rows), "history_end": np.zeros(rows, np.int64)}
    pq.write_table(pa.table(log), path)
    # A pool that nothing else in these tests draws from, so its peak is that of this reading.
    usual, pool = pa.default_memory_pool(), pa.system_memory_pool()
    pa.set_memory_pool(pool)
    try:
        table = interaction_rows.read_interaction_rows(path, pa.chunked_array([ids]), _CANDIDATE_IDS, artifacts.SPLITS)
    finally:
        pa.set_memory_pool(usual)
    # 172 bytes of text for each row would be 52 MB; rows, splits and ends of histories are 4 MB.
    assert table.nbytes == rows * (4 + 4 + 1 + 4)
    assert pool.max_memory() < 15_000_000
