import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.bulk import shards

_CONTENT = {"k": 2, "version": "7"}


def _folder(directory, **changes):
    return shards.AnswerFolder(directory, {**_CONTENT, **changes}, num_queries=5, num_shards=2)


def _table(query_ids):
    columns = [query_ids, [["a", "b"]] * len(query_ids), [[0.5, 0.25]] * len(query_ids)]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, shards.SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=shards.SCHEMA)


def _write(folder, shard, query_ids):
    with folder.writing(shard) as writer:
        writer.write(_table(query_ids), shards.Counts(len(query_ids), 2 * len(query_ids)))


def test_shards_share_all_queries_out(tmp_path):
    folder = _folder(tmp_path)
    # 5 * 1 // 2 = 2.
    assert [folder.bounds(shard) for shard in range(2)] == [(0, 2), (2, 5)]


def test_a_shard_is_read_by_anyone_as_lists_of_text_and_knows_what_it_holds(tmp_path):
    folder = _folder(tmp_path)
    assert folder.finished(0) is None
    _write(folder, 0, ["p", "q"])
    assert folder.finished(0) == shards.Counts(queries=2, answers=4)
    table = pq.read_table(tmp_path / "shard-00000-of-00002.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "list<element: string>", "list<element: float>"]
    assert table.to_pylist()[1] == {"query_id": "q", "candidate_ids": ["a", "b"], "scores": [0.5, 0.25]}
    assert _folder(tmp_path).finished(0) == shards.Counts(queries=2, answers=4)


def test_a_shard_with_too_few_queries_or_of_another_folder_is_not_finished(tmp_path):
    _write(_folder(tmp_path), 1, ["p", "q"])
    assert _folder(tmp_path).finished(1) is None
    other = _folder(tmp_path / "other", k=1)
    _write(other, 0, ["p", "q"])
    other.path(0).rename(_folder(tmp_path).path(0))
    assert _folder(tmp_path).finished(0) is None


def test_a_shard_that_fails_has_no_name_and_the_next_run_begins_it_anew(tmp_path):
    folder = _folder(tmp_path)

    def fail():
        with folder.writing(0) as writer:
            writer.write(_table(["p", "q"]), shards.Counts(2, 4))
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert folder.finished(0) is None
    _write(folder, 0, ["r", "s"])
    assert pq.read_table(folder.path(0))["query_id"].to_pylist() == ["r", "s"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "shard-00000-of-00002.parquet"]


def test_of_two_runs_of_one_shard_the_second_is_refused_and_the_first_goes_on(tmp_path):
    folder = _folder(tmp_path)
    with folder.writing(0) as writer:
        with pytest.raises(shards.ShardError, match=r"Another run is writing .*part; wait"), folder.writing(0):
            raise AssertionError("both write")
        writer.write(_table(["p", "q"]), shards.Counts(2, 4))
    assert pq.read_table(folder.path(0))["query_id"].to_pylist() == ["p", "q"]


def test_another_configuration_is_refused_and_named(tmp_path):
    _folder(tmp_path)
    with pytest.raises(shards.ShardError, match=r"of another configuration: its version is '7', but now it is '8'\."):
        _folder(tmp_path, version="8")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "sales.parquet").touch()
    with pytest.raises(shards.ShardError, match=r"holds sales\.parquet and no manifest, so it is no folder of bulk"):
        _folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sales.parquet"]
