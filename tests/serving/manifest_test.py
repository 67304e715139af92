import json
import re

import pytest

from serving import manifest


def _write_text(export, text, encoding="utf-8"):
    (export / "assets.extra").mkdir()
    (export / "assets.extra" / "manifest.json").write_bytes(text.encode(encoding))


def test_a_manifest_reads_back_beside_the_other_extra_assets(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    content = {"num_candidates": 3, "inputs": {"age": {"shape": [-1]}}, "title": "Amélie", "index_recall_at_10": 0.99}
    manifest.write_manifest(tmp_path, content)
    read = manifest.read_manifest(tmp_path)
    assert read == manifest.read_manifest(str(tmp_path))
    assert read == {"format_version": 2, **content, "files": {}, "manifest_sha256": read["manifest_sha256"]}
    text = (tmp_path / "assets.extra" / "manifest.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "format_version": 2,\n  "num_candidates": 3,')
    assert text.endswith("}\n")
    assert "Amélie" in text


def test_the_folder_of_a_new_export_is_made(tmp_path):
    manifest.write_manifest(tmp_path / "new" / "7", {})
    # printf '{"files": {}, "format_version": 2}' | sha256sum
    digest = "c603d0e5d02d81a6501953e2d7cc0bb9d5d49e31c8b7406ba730acfbc792e886"
    expected = {"format_version": 2, "files": {}, "manifest_sha256": digest}
    assert manifest.read_manifest(tmp_path / "new" / "7") == expected


def test_a_number_that_json_does_not_know_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        manifest.write_manifest(tmp_path, {"index_recall_at_10": float("nan")})
    assert not (tmp_path / "assets.extra" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("text", "encoding"), [("", "utf-8"), ('{"format_version": 1', "utf-8"), ('{"a": "é"}', "latin-1")]
)
def test_a_manifest_that_cannot_be_read_is_refused_with_the_remedy(tmp_path, text, encoding):
    _write_text(tmp_path, text, encoding)
    with pytest.raises(
        manifest.ManifestError, match=r"has no readable assets\.extra/manifest\.json \(.+\); export again\."
    ):
        manifest.read_manifest(tmp_path)


def test_an_export_without_a_manifest_is_refused_by_its_path(tmp_path):
    with pytest.raises(manifest.ManifestError, match=f"{tmp_path} has no readable .*No such file.*export again"):
        manifest.read_manifest(tmp_path)


@pytest.mark.parametrize("version", [0, 3, "1", None, True, 1.5, [1]])
def test_another_format_is_refused_with_those_that_are_known(tmp_path, version):
    _write_text(tmp_path, json.dumps({"format_version": version}))
    with pytest.raises(
        manifest.ManifestError,
        match=f"has format_version {re.escape(repr(version))}, but this version reads 1, 2; export again",
    ):
        manifest.read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", "1", '"format_version"'])
def test_a_manifest_that_is_no_object_is_refused(tmp_path, text):
    _write_text(tmp_path, text)
    with pytest.raises(manifest.ManifestError, match="export again"):
        manifest.read_manifest(tmp_path)


def test_a_file_that_changed_appeared_or_went_is_named(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    manifest.write_manifest(tmp_path, {})
    written = manifest.read_manifest(tmp_path)
    # printf weights | sha256sum
    assert written["files"] == {"variables/data": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"}
    manifest.require_unchanged_files(tmp_path, written)
    (tmp_path / "variables" / "data").write_bytes(b"weightz")
    with pytest.raises(manifest.ManifestError, match="variables/data is not as it was published; remove the version"):
        manifest.require_unchanged_files(tmp_path, written)
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    (tmp_path / "more").touch()
    with pytest.raises(manifest.ManifestError, match="more is not as it was published"):
        manifest.require_unchanged_files(tmp_path, written)
