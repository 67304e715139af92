import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.preparation import record_batches


def _batch(*numbers):
    return pa.record_batch({"n": numbers})


def test_batches_are_cut_anew_without_a_row_lost_or_moved():
    cut = list(record_batches.regrouped([_batch(1), _batch(2, 3, 4, 5, 6), _batch(7, 8)], 3))
    assert [batch["n"].to_pylist() for batch in cut] == [[1, 2, 3], [4, 5, 6], [7, 8]]


def test_rows_that_fill_the_last_batch_leave_no_empty_one():
    assert [batch.num_rows for batch in record_batches.regrouped([_batch(1, 2), _batch(3, 4)], 2)] == [2, 2]


def test_files_are_read_one_after_the_other(tmp_path):
    for name, numbers in (("b", [3, 4]), ("a", [1, 2])):
        pq.write_table(pa.table({"n": numbers}), tmp_path / name)
    batches = record_batches.of_files([tmp_path / "a", tmp_path / "b"])
    assert [number for batch in batches for number in batch["n"].to_pylist()] == [1, 2, 3, 4]
