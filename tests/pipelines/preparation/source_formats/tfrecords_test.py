import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import tfrecords


def _example(**features):
    lists = {
        bytes: lambda values: tf.train.Feature(bytes_list=tf.train.BytesList(value=values)),
        float: lambda values: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
        int: lambda values: tf.train.Feature(int64_list=tf.train.Int64List(value=values)),
    }
    made = {name: lists[type(values[0])](values) if values else tf.train.Feature() for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def _write(path, records):
    options = "GZIP" if path.suffix == ".gz" else ""
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for record in records:
            writer.write(record)
    return path


def _convert(paths, list_columns=()):
    targets = [path.with_name(f"out_{index}.parquet") for index, path in enumerate(paths)]
    tfrecords.convert("interactions", paths, targets, list_columns, lambda _: None)
    return pa.concat_tables(pq.read_table(target) for target in targets)


RECORDS = [
    _example(user=["é".encode()], at=[9_007_199_254_740_993], price=[0.5], tags=[b"a", b"b"]),
    _example(user=[b"7"], tags=[], one=[b"x"]),
    tf.train.Example().SerializeToString(),
    _example(user=None, at=[-1], tags=[b"c"]),
]


@pytest.mark.parametrize("name", ["log.tfrecord", "log.tfrecords.gz"])
def test_features_become_columns_of_their_kind(tmp_path, name):
    table = _convert([_write(tmp_path / name, RECORDS)])
    assert {field.name: str(field.type) for field in table.schema} == {
        "at": "int64",
        "one": "string",
        "price": "float",
        "tags": "list<element: string>",
        "user": "string",
    }
    assert table.to_pylist() == [
        {"at": 9_007_199_254_740_993, "one": None, "price": 0.5, "tags": ["a", "b"], "user": "é"},
        {"at": None, "one": "x", "price": None, "tags": None, "user": "7"},
        {"at": None, "one": None, "price": None, "tags": None, "user": None},
        {"at": -1, "one": None, "price": None, "tags": ["c"], "user": None},
    ]


def test_a_feature_with_one_value_everywhere_is_a_list_where_the_schema_says_so(tmp_path):
    path = _write(tmp_path / "log.tfrecord", [_example(tags=[b"a"], n=[1])])
    assert _convert([path], {"tags"}).to_pylist() == [{"n": 1, "tags": ["a"]}]


def test_names_and_lengths_are_found_over_all_records_of_all_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecords, "_BATCH_RECORDS", 3)
    first = _write(tmp_path / "1.tfrecord", [_example(n=[number]) for number in range(7)])
    second = _write(tmp_path / "2.tfrecord", [_example(n=[8, 9], late=[1.5])])
    table = _convert([first, second])
    assert table["n"].to_pylist() == [[0], [1], [2], [3], [4], [5], [6], [8, 9]]
    assert table["late"].to_pylist() == [None] * 7 + [1.5]


def test_a_file_of_empty_records_has_no_columns(tmp_path):
    path = _write(tmp_path / "log.tfrecord", [tf.train.Example().SerializeToString()] * 2)
    assert tfrecords.convert("queries", [path], [tmp_path / "out.parquet"], (), lambda _: None).names == []


# A record of 8 bytes has 24 in the file: length, its checksum, the record, its checksum.
@pytest.mark.parametrize("kept", [-1, -4, -5, -9, -20])
def test_a_file_cut_anywhere_in_its_last_record_is_refused(tmp_path, kept):
    path = _write(tmp_path / "log.tfrecord", [_example(n=[1])] * 3)
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        PreparationError,
        match=rf"^--interactions=.*log\.tfrecord is damaged or cut after byte {whole * 2 // 3}; write or copy",
    ):
        _convert([path])


def test_a_cut_gzip_file_is_refused(tmp_path):
    path = _write(tmp_path / "log.tfrecord", [_example(n=[number]) for number in range(100)])
    packed = tmp_path / "log.tfrecord.gz"
    packed.write_bytes(gzip.compress(path.read_bytes())[:-20])
    with pytest.raises(PreparationError, match=r"log\.tfrecord\.gz is no complete gzip file \(.*\); write or copy it"):
        _convert([packed])


def test_a_flipped_byte_is_found_with_its_place(tmp_path):
    path = _write(tmp_path / "log.tfrecord", [_example(n=[1])] * 3)
    content = bytearray(path.read_bytes())
    size = len(content) // 3
    content[size + 15] ^= 1
    path.write_bytes(content)
    with pytest.raises(PreparationError, match=r"is damaged or cut after byte [0-9]+; write or copy it again"):
        _convert([path])


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "log.tfrecord"
    path.write_bytes(b'{"a": 1}\n' * 10)
    with pytest.raises(PreparationError, match=r"log\.tfrecord is no TFRecord file; write or copy it again"):
        _convert([path])


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([_example(n=[1]), b"\xff\xff garbage"], "record 2 is no tf.Example"),
        (
            [_example(n=[1]), _example(), _example(n=[b"x"])],
            "record 3 has a BytesList under 'n', where others have a Int64",
        ),
        (
            [_example(n=[b"x"]), _example(n=[b"\xe9"])],
            "record 2 has bytes under 'n' that are not UTF-8; write the file",
        ),
        ([_example(n=[b"x"]), _example(n=[b"a", b"\xe9"])], "record 2 has bytes under 'n' that are not UTF-8"),
    ],
)
@pytest.mark.parametrize("batch", [1, 512])
def test_a_record_that_cannot_be_read_is_named(tmp_path, monkeypatch, records, sentence, batch):
    monkeypatch.setattr(tfrecords, "_BATCH_RECORDS", batch)
    path = _write(tmp_path / "log.tfrecord", records)
    with pytest.raises(PreparationError, match=rf"^--interactions=.*log\.tfrecord: {sentence}"):
        _convert([path])
