import hashlib
import json
import os

import pytest

from pipelines import artifacts


def test_json_keeps_key_order_and_unicode_and_reads_back(tmp_path):
    path = tmp_path / "a.json"
    artifacts.write_json(path, {"b": 1, "a": ["é", None]})
    assert path.read_text(encoding="utf-8") == '{\n  "b": 1,\n  "a": [\n    "é",\n    null\n  ]\n}\n'
    assert artifacts.read_json(path) == {"b": 1, "a": ["é", None]}
    assert os.listdir(tmp_path) == ["a.json"]


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    artifacts.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="nan"):
        artifacts.write_json(path, {"new": float("nan")})
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_missing_or_broken_json_file_is_named(tmp_path):
    with pytest.raises(artifacts.ArtifactError, match=r"none\.json does not exist"):
        artifacts.read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{\n "a": }')
    with pytest.raises(artifacts.ArtifactError, match=r"bad\.json is not JSON: line 2"):
        artifacts.read_json(tmp_path / "bad.json")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(artifacts.ArtifactError, match=r"latin\.json must be UTF-8, but byte 7"):
        artifacts.read_json(tmp_path / "latin.json")


def test_what_killed_writes_left_is_swept_and_nothing_else(tmp_path):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    left = inside / f".answers.npz.tmp-{'0f' * 16}"
    others = [inside / name for name in ("answers.npz", ".answers.npz.tmp-copy", ".hidden")]
    for path in (left, *others):
        path.touch()
    # A folder is a directory that is being published, see `publishing.sweep`.
    folder = tmp_path / f".model.tmp-{'0f' * 16}"
    folder.mkdir()
    artifacts.sweep(tmp_path)
    assert not left.exists()
    assert all(path.exists() for path in (*others, folder))


def test_sha256_of_a_file_is_the_standard_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert artifacts.sha256_of_file(tmp_path / "abc") == expected
    (tmp_path / "long").write_bytes(b"x" * 3_000_000)
    assert artifacts.sha256_of_file(tmp_path / "long") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_prepared_paths_stand_in_one_directory(tmp_path):
    paths = artifacts.PreparedPaths(str(tmp_path))
    assert paths.manifest == tmp_path / "manifest.json"
    assert paths.interactions == tmp_path / "interactions.parquet"
    assert paths.candidates == tmp_path / "candidates.parquet"
    assert paths.queries == tmp_path / "queries.parquet"
    assert paths.vocabulary("candidate.genres") == tmp_path / "vocabularies" / "candidate.genres.parquet"
