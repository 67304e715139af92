import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import source_digest
from pipelines.preparation import manifest
from pipelines.preparation.errors import PreparationError
from tfrs_model.schema import Schema

SOURCES = [{"role": "interactions", "path": "a.csv", "sha256": "1f", "bytes": 3}]
OPTIONS = {"split": "given", "min_count": 1}


@pytest.fixture
def published(tmp_path):
    (tmp_path / "vocabularies").mkdir()
    for name in ("interactions", "vocabularies/query_id"):
        pq.write_table(pa.table({"value": [name]}), tmp_path / f"{name}.parquet")
    manifest.write_manifest(tmp_path, Schema(), OPTIONS, SOURCES, {"counts": {"queries": 1}})
    return tmp_path


def test_a_manifest_says_what_was_read_and_what_was_written(published):
    written = json.loads((published / "manifest.json").read_text())
    assert written["format_version"] == 2
    assert written["schema"] == json.loads(json.dumps(Schema().to_dict()))
    assert written["configuration"] == OPTIONS
    assert written["sources"] == SOURCES
    assert written["counts"] == {"queries": 1}
    assert list(written["files"]) == ["interactions.parquet", "vocabularies/query_id.parquet"]


def test_the_same_sources_elsewhere_are_the_same(published):
    moved = [SOURCES[0] | {"path": "elsewhere/b.csv"}]
    assert manifest.find_reusable(published, Schema(), OPTIONS, moved)["counts"] == {"queries": 1}


@pytest.mark.parametrize(
    ("schema", "options", "sources"),
    [
        (Schema(title="name"), OPTIONS, SOURCES),
        (Schema(), OPTIONS | {"min_count": 2}, SOURCES),
        (Schema(), OPTIONS, [SOURCES[0] | {"sha256": "2f"}]),
        (Schema(), OPTIONS, [SOURCES[0] | {"role": "queries"}]),
        (Schema(), OPTIONS, SOURCES * 2),
    ],
)
def test_another_schema_option_or_source_is_not_reused(published, schema, options, sources):
    assert manifest.find_reusable(published, schema, options, sources) is None


@pytest.mark.parametrize("damage", ["missing", "cut", "manifest", "old_manifest"])
def test_a_damaged_result_is_not_reused(published, damage):
    path = published / ("manifest.json" if "manifest" in damage else "vocabularies/query_id.parquet")
    if damage == "missing":
        path.unlink()
    elif damage == "old_manifest":
        path.write_text('{"format_version": 0}')
    else:
        path.write_bytes(path.read_bytes()[:-5])
    assert manifest.find_reusable(published, Schema(), OPTIONS, SOURCES) is None


def test_what_other_code_made_is_not_reused(published, monkeypatch):
    monkeypatch.setattr(source_digest, "source_sha256", lambda *paths: "0" * 64)
    assert manifest.find_reusable(published, Schema(), OPTIONS, SOURCES) is None


def test_a_directory_without_manifest_is_not_reused(tmp_path):
    assert manifest.find_reusable(tmp_path, Schema(), OPTIONS, SOURCES) is None


def test_a_directory_that_holds_anything_else_is_not_replaced(published):
    manifest.refuse_to_replace(published, [])
    (published / "thesis.txt").touch()
    with pytest.raises(
        PreparationError, match=r"would be replaced as a whole, but holds 'thesis.txt', which is no prepared"
    ):
        manifest.refuse_to_replace(published, [])


def test_a_directory_that_holds_a_source_is_not_replaced(published):
    with pytest.raises(PreparationError, match=r"but .*interactions\.parquet lies in it and is read"):
        manifest.refuse_to_replace(published, [published / "interactions.parquet"])


def test_a_directory_that_does_not_exist_is_free(tmp_path):
    manifest.refuse_to_replace(tmp_path / "new", [tmp_path / "log.csv"])
