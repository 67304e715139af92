import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import prepare_data
from serving import errors
from serving.server import server_config
from serving.server.explorer import histories
from tests.pipelines import film_log


def _write(tmp_path, columns, **options):
    path = tmp_path / "interactions.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_histories_are_read_from_what_prepare_data_writes(tmp_path):
    prepare_data.run(film_log.config(tmp_path / "films"))
    path = tmp_path / "films" / "prepared" / "interactions.parquet"
    histories.check(path)
    # The log's four films of ann at 10, 10, 20 and 30 seconds; the first two are simultaneous, ordered by id.
    assert histories.Histories(path).newest_of("ann") == {
        "candidate_ids": ["007", "7", "8", "9"],
        "timestamps": [10_000_000, 10_000_000, 20_000_000, 30_000_000],
        "num_interactions": 4,
    }


def test_a_history_is_in_order_of_time_whatever_that_of_the_file_and_holds_the_newest_hundred(tmp_path):
    columns = {
        "query_id": ["u1", "u2"] * 150,
        "candidate_id": [f"c{i}" for i in range(300)],
        # The file begins with the newest.
        "timestamp": list(range(300, 0, -1)),
    }
    history = histories.Histories(_write(tmp_path, columns, row_group_size=11)).newest_of("u1")
    assert history["candidate_ids"] == [f"c{i}" for i in range(198, -1, -2)]
    assert history["timestamps"] == list(range(102, 301, 2))
    assert history["num_interactions"] == 150


def test_what_has_no_moment_is_older_than_what_has_one_and_what_is_simultaneous_keeps_its_order(tmp_path):
    columns = {"query_id": ["u"] * 5, "candidate_id": list("abcde"), "timestamp": [7, None, 5, 5, None]}
    history = histories.Histories(_write(tmp_path, columns)).newest_of("u")
    assert (history["candidate_ids"], history["timestamps"]) == (list("becda"), [None, None, 5, 5, 7])


def test_a_file_without_time_keeps_its_order(tmp_path):
    path = _write(tmp_path, {"query_id": ["u", "u"], "candidate_id": ["b", "a"]})
    histories.check(path)
    assert histories.Histories(path).newest_of("u")["candidate_ids"] == ["b", "a"]


def test_timestamps_of_parquet_become_microseconds(tmp_path):
    moment = datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    columns = {
        "query_id": pa.array(["u"], pa.large_string()),
        "candidate_id": ["a"],
        "timestamp": pa.array([moment], pa.timestamp("ns", "UTC")),
    }
    path = _write(tmp_path, columns)
    histories.check(path)
    assert histories.Histories(path).newest_of("u")["timestamps"] == [1_000_000]


@pytest.mark.parametrize("query_id", ["nobody", "", "U1", "' or 1=1 --", "\ud800", "x" * 100_000])
def test_a_query_that_is_not_there_is_answered_with_a_sentence(tmp_path, query_id):
    path = _write(tmp_path, {"query_id": ["u1"], "candidate_id": ["a"]})
    with pytest.raises(errors.NotFoundError, match="hold nothing of this query; it is answered as a new one"):
        histories.Histories(path).newest_of(query_id)


def test_some_queries_are_named_from_all_over_the_file(tmp_path):
    path = _write(
        tmp_path, {"query_id": [f"u{i:03}" for i in range(100) for _ in range(3)], "candidate_id": ["a"] * 300}
    )
    assert histories.Histories(path).some_query_ids() == [f"u{i:03}" for i in range(0, 100, 10)]
    empty = _write(tmp_path, {"query_id": pa.array([], pa.string()), "candidate_id": pa.array([], pa.string())})
    assert histories.Histories(empty).some_query_ids() == []


def test_a_file_that_went_away_is_told_with_its_path(tmp_path):
    path = tmp_path / "gone.parquet"
    for ask in (histories.Histories(path).some_query_ids, lambda: histories.Histories(path).newest_of("u")):
        with pytest.raises(errors.DataLossError, match=r"gone\.parquet cannot be read \(.+\); put the file back\.$"):
            ask()


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (
            {"user": ["u"], "candidate_id": ["a"]},
            "must have text columns query_id and candidate_id, but has user string, candidate_id string; name the "
            "interactions.parquet that prepare_data wrote.",
        ),
        (
            {"query_id": [1], "candidate_id": ["a"]},
            "must have text columns query_id and candidate_id, but has query_id int64, candidate_id string; name the "
            "interactions.parquet that prepare_data wrote.",
        ),
        (
            {"query_id": ["u"], "candidate_id": ["a"], "timestamp": ["yesterday"]},
            "must have its timestamp as int64 microseconds or as Parquet's timestamps, but has string; write it so, or "
            "leave it out.",
        ),
    ],
)
def test_a_file_with_other_columns_is_refused(tmp_path, columns, text):
    path = _write(tmp_path, columns)
    with pytest.raises(server_config.ServerConfigError) as refusal:
        histories.check(path)
    assert str(refusal.value) == f"--explorer_histories={path} {text}"


def test_a_folder_what_is_missing_and_what_is_no_parquet_are_refused(tmp_path):
    (tmp_path / "log.csv").write_text("query_id,candidate_id\nu,a\n")
    for path, text in (
        (tmp_path, "is a folder; name a file in it, such as interactions.parquet."),
        (tmp_path / "absent", "does not exist; name the interactions.parquet that prepare_data wrote."),
        (tmp_path / "log.csv", "cannot be read as Parquet ("),
    ):
        with pytest.raises(server_config.ServerConfigError) as refusal:
            histories.check(path)
        assert str(refusal.value).startswith(f"--explorer_histories={path} {text}")
