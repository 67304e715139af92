import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.daily import partitions


def _write(path, num_rows=2):
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"a": list(range(num_rows))}), path)


def test_files_and_folders_are_found_in_order_of_their_dates(tmp_path):
    _write(tmp_path / "2026-11-03.parquet")
    _write(tmp_path / "date=2026-11-01" / "b.parquet")
    _write(tmp_path / "date=2026-11-01" / "a.parquet", 3)
    (tmp_path / "date=2026-11-01" / "_SUCCESS").touch()
    _write(tmp_path / "2026-11-02" / "part.parquet")
    (tmp_path / ".staging").mkdir()
    found = partitions.find(tmp_path)
    assert [str(each.date) for each in found] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert [path.name for path in found[0].paths] == ["a.parquet", "b.parquet"]
    assert [each.num_rows() for each in found] == [5, 2, 2]


def test_a_folder_with_nothing_but_a_writers_marks_has_no_rows(tmp_path):
    (tmp_path / "date=2026-11-01").mkdir()
    (tmp_path / "date=2026-11-01" / "_SUCCESS").touch()
    (found,) = partitions.find(tmp_path)
    assert found.paths == ()
    assert found.num_rows() == 0


def test_a_partition_knows_its_moments():
    week = partitions.Partition(datetime.date(1970, 1, 8), (), 7)
    assert week.begin == 7 * 86_400 * 10**6
    assert week.end == 14 * 86_400 * 10**6


@pytest.mark.parametrize("name", ["november.parquet", "2026-02-30.parquet", "2026-11-01.csv", "date=2026-11-1"])
def test_a_name_that_is_no_date_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(partitions.PartitionError, match="must be named for its date, as YYYY-MM-DD"):
        partitions.find(tmp_path)


def test_a_file_without_its_suffix_is_refused(tmp_path):
    (tmp_path / "2026-11-01").touch()
    with pytest.raises(partitions.PartitionError, match="must be named for its date"):
        partitions.find(tmp_path)


def test_a_date_that_is_there_twice_is_refused(tmp_path):
    _write(tmp_path / "2026-11-01.parquet")
    _write(tmp_path / "date=2026-11-01" / "a.parquet")
    with pytest.raises(partitions.PartitionError, match="are both of 2026-11-01; keep one"):
        partitions.find(tmp_path)


def test_a_folder_that_is_still_being_written_is_refused(tmp_path):
    (tmp_path / "date=2026-11-01" / "_temporary").mkdir(parents=True)
    with pytest.raises(partitions.PartitionError, match="is still being written, as it holds _temporary"):
        partitions.find(tmp_path)


def test_weeks_that_overlap_are_refused(tmp_path):
    _write(tmp_path / "2026-11-01.parquet")
    _write(tmp_path / "2026-11-07.parquet")
    assert len(partitions.find(tmp_path, 6)) == 2
    with pytest.raises(
        partitions.PartitionError, match="2026-11-01 and 2026-11-07 overlap, as each is of --slice_days=7"
    ):
        partitions.find(tmp_path, 7)


def test_a_log_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(partitions.PartitionError, match=r"--interactions_dir=.*must be a directory of partitions"):
        partitions.find(tmp_path / "log")
