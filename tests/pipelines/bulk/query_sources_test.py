import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import prepared_data
from pipelines.bulk import query_sources
from tests.pipelines import prepared_tables


def _write(path, begin, end, **columns):
    ids = [f"q{i}" for i in range(begin, end)]
    pq.write_table(pa.table({"query_id": ids, **columns}), path, row_group_size=4)


def _ids(source, begin, end):
    return [each for table in source.tables(begin, end) for each in table["query_id"].to_pylist()]


@pytest.mark.parametrize("rows_per_table", [1, 3, 100])
def test_every_part_of_several_files_is_read_once_whatever_their_row_groups(tmp_path, monkeypatch, rows_per_table):
    monkeypatch.setattr(query_sources, "_ROWS_PER_TABLE", rows_per_table)
    _write(tmp_path / "a.parquet", 0, 7)
    _write(tmp_path / "b.parquet", 7, 20)
    source = query_sources.ParquetQueries(f"{tmp_path}/*.parquet")
    assert source.num_queries == 20
    for begin in range(20):
        for end in range(begin, 21):
            assert _ids(source, begin, end) == [f"q{i}" for i in range(begin, end)], (begin, end)
    assert all(len(table) <= rows_per_table for table in source.tables(0, 20))


def test_the_digest_is_that_of_the_bytes(tmp_path):
    _write(tmp_path / "a.parquet", 0, 7)
    first = query_sources.ParquetQueries(str(tmp_path / "a.parquet")).sha256
    _write(tmp_path / "b.parquet", 0, 7)
    assert query_sources.ParquetQueries(str(tmp_path / "b.parquet")).sha256 == first
    _write(tmp_path / "a.parquet", 1, 8)
    assert query_sources.ParquetQueries(str(tmp_path / "a.parquet")).sha256 != first


def test_files_that_are_not_there_differ_or_are_none_are_refused(tmp_path):
    with pytest.raises(query_sources.QuerySourceError, match=r"--query_files names .*none\.parquet, which is no file"):
        query_sources.ParquetQueries(str(tmp_path / "none.parquet"))
    _write(tmp_path / "a.parquet", 0, 1)
    _write(tmp_path / "b.parquet", 0, 1, age=[1.0])
    with pytest.raises(query_sources.QuerySourceError, match="has other columns than"):
        query_sources.ParquetQueries(f"{tmp_path}/*.parquet")
    (tmp_path / "text").write_text("query_id")
    with pytest.raises(query_sources.QuerySourceError, match="a file is no Parquet file"):
        query_sources.ParquetQueries(str(tmp_path / "text"))


def test_a_prepared_query_stands_at_the_end_of_the_log_with_all_that_it_chose(tmp_path):
    rows = [("p", "a", 1, "train", 0), ("p", "b", 2, "test", 1), ("q", "b", 3, "train", 0)]
    directory = prepared_tables.write(tmp_path / "prepared", rows, ["a", "b"])
    source = query_sources.PreparedQueries(prepared_data.read_prepared_data(directory))
    assert source.num_queries == 2
    (table,) = source.tables(0, 2)
    columns = ("query_id", "history", "history_timestamps", "moment")
    assert [tuple(row[name] for name in columns) for row in table.to_pylist()] == [
        ("p", ["a", "b"], [1, 2], 2),
        ("q", ["b"], [3], 3),
    ]
