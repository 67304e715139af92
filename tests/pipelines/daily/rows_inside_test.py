import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.daily import day_rows, rows_inside
from tests.pipelines.daily import day_log

# 2026-11-01 00:00 UTC.
_BEGIN = 1_793_491_200
_ROWS = {
    "user": ["u1", "u2", "u3", "u4"],
    "item": ["i1", "i2", "i3", "i4"],
    "channel": ["web"] * 4,
    "unread": [1, 2, 3, 4],
}
# The last second of the day before, the first and the last of the day, and the first of the next.
_SECONDS = [_BEGIN - 1, _BEGIN, _BEGIN + 86_399, _BEGIN + 86_400]
_MOMENTS = [datetime.datetime.fromtimestamp(each, datetime.UTC) for each in _SECONDS]


def _files(tmp_path, partition, num_outside):
    copies = tmp_path / "inside"
    return rows_inside.files([partition], {"2026-11-01": num_outside}, day_log.SCHEMA, copies)


@pytest.mark.parametrize(
    "times",
    [_SECONDS, [str(each) for each in _SECONDS], pa.array(_MOMENTS, pa.timestamp("us", "UTC"))],
    ids=["seconds", "text", "moments"],
)
def test_a_partition_with_rows_of_other_dates_is_read_without_them(tmp_path, times):
    partition = day_log.write(tmp_path, 0, {**_ROWS, "at": times})
    (path,) = _files(tmp_path, partition, 2)
    found = pq.read_table(path)
    assert found["user"].to_pylist() == ["u2", "u3"]
    assert found["at"].to_pylist() == pa.table({"at": times})["at"].to_pylist()[1:3]
    assert sorted(found.column_names) == ["at", "channel", "item", "user"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_row_without_a_readable_time_stays_for_preparation_to_count(tmp_path):
    partition = day_log.write(tmp_path, 0, {**_ROWS, "at": [None, *_SECONDS[1:]]})
    (path,) = _files(tmp_path, partition, 1)
    assert pq.read_table(path)["user"].to_pylist() == ["u1", "u2", "u3"]


def test_a_partition_without_such_rows_is_read_as_it_is(tmp_path):
    partition = day_log.write(tmp_path, 0, {**_ROWS, "at": _SECONDS})
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "2026-11-01.parquet").touch()
    assert _files(tmp_path, partition, 0) == [*partition.paths]
    assert not (tmp_path / "inside").exists()


def test_rows_of_other_dates_are_counted_by_date_and_a_partition_without_rows_has_none(tmp_path):
    one = day_log.write(tmp_path, 0, {**_ROWS, "at": _SECONDS})
    other = day_log.write(tmp_path, 1, {**_ROWS, "at": [None, *_SECONDS[1:]]})
    empty = day_log.write(tmp_path, 2, {"user": pa.array([], pa.string())})
    found = rows_inside.count([one, other, empty], day_log.SCHEMA, tmp_path / "work")
    # Of the second day's four rows one has no time, and one alone is of 2 November.
    assert found == {"2026-11-01": 2, "2026-11-02": 2, "2026-11-03": 0}
    assert list((tmp_path / "work").iterdir()) == []


def test_a_partition_that_cannot_be_counted_is_named_by_its_date(tmp_path):
    partition = day_log.write(tmp_path, 0, {**_ROWS, "at": _SECONDS})
    lacking = day_log.write(tmp_path, 1, _ROWS)
    with pytest.raises(day_rows.EarlierDayError, match=r"no column 'at' .* The file is of 2026-11-02"):
        rows_inside.count([partition, lacking], day_log.SCHEMA, tmp_path / "work")
