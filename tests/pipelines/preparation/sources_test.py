import datetime
import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.preparation import sources
from pipelines.preparation.errors import PreparationError


def _parquet(path, columns=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns or {"user": ["a"], "item": ["b"]}), path)
    return path


def _csv(path, text="user,item\na,b\n", encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_a_glob_finds_sorted_files_with_the_same_columns(tmp_path, engine):
    _parquet(tmp_path / "b" / "2.parquet", {"item": ["y"], "user": ["2"]})
    _parquet(tmp_path / "a" / "1.parquet", {"user": ["1"], "item": ["x"]})
    source = sources.find_source("interactions", str(tmp_path / "**" / "*.parquet"))
    assert [path.name for path in source.paths] == ["1.parquet", "2.parquet"]
    rows = engine.rows(source.open(engine).order_by("user"))
    assert rows == [{"user": "1", "item": "x"}, {"user": "2", "item": "y"}]


def test_folders_named_like_partitions_add_no_column(tmp_path, engine):
    _parquet(tmp_path / "date=2024-01-01" / "1.parquet")
    table = sources.find_source("interactions", str(tmp_path / "*" / "*.parquet")).open(engine)
    assert table.columns == ("user", "item")


def test_a_file_whose_name_looks_like_a_glob_is_found(tmp_path):
    path = _csv(tmp_path / "log[1].csv")
    assert sources.find_source("interactions", str(path)).paths == (path,)


def test_a_csv_header_is_read_with_its_quotes_and_byte_order_mark(tmp_path, engine):
    path = _csv(tmp_path / "log.csv", '\ufeffuser;"item; or not"\r\n007;b\r\n')
    source = sources.find_source("interactions", str(path), ";")
    assert source.columns == ("user", "item; or not")
    assert engine.rows(source.open(engine)) == [{"user": "007", "item; or not": "b"}]


def test_files_are_identified_by_their_bytes(tmp_path):
    path = _csv(tmp_path / "log.csv")
    assert sources.identify(sources.find_source("candidates", str(path))) == [
        {
            "role": "candidates",
            "path": str(path),
            "sha256": hashlib.sha256(b"user,item\na,b\n").hexdigest(),
            "bytes": 14,
        }
    ]


def test_a_character_cut_by_a_read_is_no_fault(tmp_path):
    # The first read ends after one of the two bytes of é.
    text = "user,item\n" + "a" * ((1 << 20) - 11) + "é,b\n"
    path = _csv(tmp_path / "log.csv", text)
    assert sources.identify(sources.find_source("interactions", str(path)))[0]["bytes"] == len(text) + 1


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        ("user,item\na,b\né,c\n".encode("latin-1"), 3, 14),
        ("é,item\n".encode("latin-1"), 1, 0),
        (b"user,item\n" + b"a,b\n" * 300_000 + b"\xff\n", 300_002, 1_200_010),
        (b"user,item\na,\xc3", 2, 12),
    ],
)
def test_the_line_and_byte_that_are_not_utf8_are_named(tmp_path, content, line, byte):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(
        PreparationError, match=rf"--interactions=.*log\.csv must be UTF-8, but line {line}, byte {byte} "
    ):
        sources.identify(sources.find_source("interactions", str(path)))


def test_a_pattern_without_files_is_refused(tmp_path):
    with pytest.raises(PreparationError, match=r"--queries=.*\*\.csv matches no file; correct the path"):
        sources.find_source("queries", str(tmp_path / "*.csv"))


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "log.csv").touch()
    with pytest.raises(PreparationError, match=r"log\.csv is empty \(0 bytes\)"):
        sources.find_source("interactions", str(tmp_path / "log.csv"))


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_a_file_with_columns_but_no_rows_is_refused(tmp_path, engine, name):
    path = tmp_path / name
    if name == "log.csv":
        _csv(path, "user,item\n")
    else:
        _parquet(path, {"user": pa.array([], pa.string())})
    with pytest.raises(PreparationError, match="has columns but no rows"):
        sources.find_source("interactions", str(path)).open(engine)


@pytest.mark.parametrize("kept", [3, 200])
def test_a_truncated_parquet_file_is_refused(tmp_path, kept):
    whole = _parquet(tmp_path / "whole.parquet").read_bytes()
    path = tmp_path / "cut.parquet"
    path.write_bytes(whole[:kept])
    with pytest.raises(
        PreparationError, match=r"cut\.parquet is no complete Parquet file \(.*\); write or copy it again"
    ):
        sources.find_source("interactions", str(path))


def test_a_parquet_file_with_damaged_pages_is_refused(tmp_path, engine):
    path = _parquet(tmp_path / "log.parquet", {"user": [str(number) for number in range(1000)]})
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    table = sources.find_source("interactions", str(path)).open(engine)
    with pytest.raises(PreparationError, match=r"failed while counting: .*; check that the source files are whole"):
        engine.rows(table.order_by("user").limit(1))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["log.xml"], "must end in one of .parquet, .csv, .jsonl"),
        (["log.csv", "log.parquet"], "matches both CSV \(.*csv\) and Parquet"),
    ],
)
def test_other_and_mixed_formats_are_refused(tmp_path, names, sentence):
    for name in names:
        (tmp_path / name).write_text("user\na\n")
    with pytest.raises(PreparationError, match=sentence):
        sources.find_source("interactions", str(tmp_path / "log*"))


def test_a_directory_is_refused_with_the_glob_to_use(tmp_path):
    with pytest.raises(PreparationError, match=r"is a directory; give a file, or a glob such as .*/\*\.parquet"):
        sources.find_source("interactions", str(tmp_path))


@pytest.mark.parametrize("text", ["user,other\n1,2\n", "item,user\n1,2\n"])
def test_csv_files_with_other_columns_are_refused(tmp_path, text):
    _csv(tmp_path / "1.csv")
    _csv(tmp_path / "2.csv", text)
    with pytest.raises(PreparationError, match=r"2\.csv has columns .* but .*1\.csv has user, item"):
        sources.find_source("interactions", str(tmp_path / "*.csv"))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [("user,User", "names 'user', 'User' twice"), ("user,", "has a column without a name"), ("", "without a name")],
)
def test_a_header_with_repeated_or_missing_names_is_refused(tmp_path, header, sentence):
    with pytest.raises(PreparationError, match=sentence):
        sources.find_source("interactions", str(_csv(tmp_path / "log.csv", f"{header}\n1,2\n")))


def test_widths_precisions_and_nulls_may_differ_from_file_to_file(tmp_path, engine):
    day = datetime.datetime(2024, 1, 1)
    parts = [
        {
            "n": pa.array([1], pa.int8()),
            "at": pa.array([day], pa.timestamp("s")),
            "x": [1],
            "t": ["a"],
            "z": pa.nulls(1),
        },
        {
            "n": pa.array([2**40]),
            "at": pa.array([day], pa.timestamp("ns", "UTC")),
            "x": [1.5],
            "t": pa.nulls(1),
            "z": pa.nulls(1),
        },
    ]
    for index, part in enumerate(parts):
        _parquet(tmp_path / f"{index}.parquet", part)
    table = sources.find_source("interactions", str(tmp_path / "*.parquet")).open(engine)
    table = table.select("n", "x", "t", "z", seconds=table["at"].epoch_seconds().cast("int64")).order_by("n")
    assert engine.rows(table) == [
        {"n": 1, "x": 1.0, "t": "a", "z": None, "seconds": 1_704_067_200},
        {"n": 2**40, "x": 1.5, "t": None, "z": None, "seconds": 1_704_067_200},
    ]


@pytest.mark.parametrize(
    ("one", "other"), [([7], ["007"]), ([[7]], [["7"]]), ([True], [1]), (pa.array([7], pa.uint64()), [7])]
)
def test_files_of_which_a_column_holds_another_kind_are_refused(tmp_path, one, other):
    _parquet(tmp_path / "1.parquet", {"user": one})
    _parquet(tmp_path / "2.parquet", {"user": other})
    with pytest.raises(
        PreparationError, match=r"--queries: column 'user' holds .* in .*2\.parquet, but .* in .*1\.parquet; write all"
    ):
        sources.find_source("queries", str(tmp_path / "*.parquet"))


def test_columns_that_are_not_read_may_differ_from_file_to_file(tmp_path, engine):
    _parquet(tmp_path / "a.parquet", {"user": ["u1"], "item": ["i1"], "price": [7]})
    _parquet(tmp_path / "b.parquet", {"item": ["i2"], "ab_test": [7], "user": ["u2"], "price": [["7"]]})
    source = sources.find_source("interactions", str(tmp_path / "*.parquet"), read=("user", "item"))
    table = source.open(engine)
    assert set(table.columns) == {"user", "item"}
    assert engine.rows(table.order_by("user")) == [{"user": "u1", "item": "i1"}, {"user": "u2", "item": "i2"}]
    with pytest.raises(PreparationError, match="all files of one flag need the same columns"):
        sources.find_source("interactions", str(tmp_path / "*.parquet"), read=("user", "ab_test"))
    with pytest.raises(PreparationError, match="column 'price' holds list"):
        sources.find_source("interactions", str(tmp_path / "*.parquet"), read=("user", "price"))


def test_a_list_of_globs_finds_each_file_once_and_names_the_part_that_finds_none(tmp_path):
    for name in ("a", "b", "c,d"):
        _parquet(tmp_path / f"{name}.parquet")
    source = sources.find_source("interactions", f"{tmp_path}/b.parquet, {tmp_path}/[ab].parquet")
    assert [path.name for path in source.paths] == ["a.parquet", "b.parquet"]
    # A comma in the name of a file that is there is part of it.
    assert len(sources.find_source("interactions", str(tmp_path / "c,d.parquet")).paths) == 1
    with pytest.raises(
        PreparationError, match=r"--queries=none.csv \(part of --queries=.*b.parquet,none.csv\) matches no"
    ):
        sources.find_source("queries", f"{tmp_path}/b.parquet,none.csv")


def test_a_missing_column_is_named_with_its_purpose_and_what_there_is(tmp_path):
    source = sources.find_source("interactions", str(_csv(tmp_path / "log.csv")))
    source.require_columns({"user": "interactions.query_id"})
    with pytest.raises(
        PreparationError, match=r"no column 'usr' \(interactions.query_id\); its columns are user, item"
    ):
        source.require_columns({"usr": "interactions.query_id"})
