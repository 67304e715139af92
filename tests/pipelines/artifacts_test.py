import fcntl
import hashlib
import json
import os

import pytest

from pipelines import artifacts


def _write_half(target, interruption):
    with artifacts.replace_directory(target) as building:
        (building / "half.txt").write_text("half")
        raise interruption


def test_a_directory_appears_only_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "prepared"
    with artifacts.replace_directory(target) as building:
        (building / "a.txt").write_text("new")
        assert building.parent == target.parent
        assert not target.exists()
    assert (target / "a.txt").read_text() == "new"
    assert os.listdir(target.parent) == ["prepared"]


def test_an_existing_directory_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with artifacts.replace_directory(target) as building:
        (building / "new.txt").write_text("new")
        assert (target / "old.txt").exists()
    assert os.listdir(target) == ["new.txt"]
    assert os.listdir(tmp_path) == ["prepared"]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_directory_and_no_leftover(tmp_path, interruption):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with pytest.raises(interruption):
        _write_half(target, interruption)
    assert (target / "old.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["prepared"]


def test_leftovers_of_a_killed_run_are_swept_at_the_next_entry(tmp_path):
    (tmp_path / ".prepared.tmp-dead").mkdir()
    (tmp_path / ".prepared.tmp-dead" / "half.txt").write_text("half")
    with artifacts.replace_directory(tmp_path / "prepared"):
        pass
    assert os.listdir(tmp_path) == ["prepared"]


def test_the_directory_of_a_run_that_is_still_alive_is_not_swept(tmp_path):
    alive = tmp_path / ".prepared.tmp-alive"
    alive.mkdir()
    descriptor = os.open(alive, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with artifacts.replace_directory(tmp_path / "prepared"):
            pass
        assert alive.exists()
    finally:
        os.close(descriptor)


def test_a_run_killed_between_the_two_renames_gets_its_old_directory_back(tmp_path):
    retired = tmp_path / ".prepared.old-dead"
    retired.mkdir()
    (retired / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), artifacts.replace_directory(tmp_path / "prepared"):
        raise RuntimeError
    assert (tmp_path / "prepared" / "old.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["prepared"]


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "prepared").write_text("precious")
    with pytest.raises(artifacts.ArtifactError, match="must be a directory, but is a file"):
        _write_half(tmp_path / "prepared", RuntimeError)
    assert (tmp_path / "prepared").read_text() == "precious"


def test_a_published_directory_is_readable_by_others_as_the_umask_allows(tmp_path):
    (tmp_path / "plain").mkdir()
    with artifacts.replace_directory(tmp_path / "prepared"):
        pass
    assert (tmp_path / "prepared").stat().st_mode == (tmp_path / "plain").stat().st_mode


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
