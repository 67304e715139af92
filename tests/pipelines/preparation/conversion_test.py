import json

import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from pipelines import prepare_data
from pipelines.preparation.errors import PreparationError
from tests.pipelines import film_log


def _feature(value):
    if value is None:
        return tf.train.Feature()
    if isinstance(value, str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _write(folder, name, columns, suffix):
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path = folder / f"{name}{suffix}"
    if suffix == ".tfrecord":
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows:
                features = tf.train.Features(feature={key: _feature(value) for key, value in row.items()})
                writer.write(tf.train.Example(features=features).SerializeToString())
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _config(folder, suffix):
    folder.mkdir()
    files = {"interactions": film_log.LOG, "candidates": film_log.FILMS, "queries": film_log.USERS}
    paths = {role: _write(folder, role, columns, suffix) for role, columns in files.items()}
    return prepare_data.PrepareConfig(prepared_dir=str(folder / "prepared"), schema=film_log.SCHEMA, **paths)


@pytest.mark.parametrize("suffix", [".jsonl", ".tfrecord"])
def test_a_converted_log_gives_the_same_tables_as_parquet(tmp_path, suffix):
    converted = prepare_data.run(_config(tmp_path / "converted", suffix))
    parquet = prepare_data.run(film_log.config(tmp_path / "parquet", ".parquet"))
    assert converted.manifest["files"] == parquet.manifest["files"]
    assert converted.manifest["counts"] == parquet.manifest["counts"]
    # The user's file is what is known, not what it was converted to.
    assert converted.manifest["sources"][0]["path"] == str(tmp_path / "converted" / f"candidates{suffix}")
    assert prepare_data.run(_config(tmp_path / "again", suffix)).manifest["files"] == parquet.manifest["files"]


def test_a_log_in_several_files_named_by_a_list_of_globs(tmp_path):
    for folder, at in (("a", 1), ("b", 2), ("c", 3)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.json").write_text(
            json.dumps({"query_id": "u", "candidate_id": folder, "timestamp": at}) + "\n"
        )
    listed = f"{tmp_path}/a/*.json, {tmp_path}/[bc]/1.json,{tmp_path}/c/1.json"
    prepare_data.run(prepare_data.PrepareConfig(listed, str(tmp_path / "prepared")))
    rows = pq.read_table(tmp_path / "prepared" / "interactions.parquet")
    assert rows["candidate_id"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            {"user": "ann"},
            r"--interactions=.*log\.jsonl has no column 'film' \(interactions.candidate_id\); its columns",
        ),
        ({"user": 1, "User": 2}, r"--interactions=.*log\.jsonl names 'user', 'User' twice"),
        ({}, r"--interactions=.*log\.jsonl has no column in any row; give a file with columns"),
    ],
)
def test_columns_that_are_missing_or_not_distinct_are_refused_without_output(tmp_path, line, sentence):
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    config = film_log.config(tmp_path, interactions=str(tmp_path / "log.jsonl"))
    with pytest.raises(PreparationError, match=sentence):
        prepare_data.run(config)
    assert not (tmp_path / "prepared").exists()
