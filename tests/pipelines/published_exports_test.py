"""Exports of every format that was ever published load and answer as on their first day; damaged ones are refused."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from serving import errors, manifest, saved_model
from serving.server import servable
from tests import archives
from tests.pipelines import published_exports

NAMES = sorted(path.name.removesuffix(".tar.xz") for path in published_exports.FOLDER.glob("*.tar.xz"))
KINDS_BY_FORMAT = {1: ("brute_force", "scann"), 2: ("brute_force", "partitioned", "scann")}


def _unpacked(name: str, folder: pathlib.Path) -> pathlib.Path:
    archives.unpack(published_exports.FOLDER / f"{name}.tar.xz", folder)
    return folder / "1"


@pytest.fixture(scope="module", params=NAMES)
def published(request, tmp_path_factory):
    return request.param, _unpacked(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def scann_dir(tmp_path_factory):
    return _unpacked("format2_scann", tmp_path_factory.mktemp("scann"))


@pytest.fixture
def damaged_dir(scann_dir, tmp_path):
    return pathlib.Path(shutil.copytree(scann_dir, tmp_path / "1"))


def test_every_format_up_to_the_present_one_is_kept_in_every_kind_of_index():
    expected = [f"format{number}_{kind}" for number, kinds in KINDS_BY_FORMAT.items() for kind in kinds]
    assert sorted(expected) == NAMES
    assert max(KINDS_BY_FORMAT) == manifest.FORMAT_VERSION


@pytest.mark.drill
def test_a_published_export_answers_in_the_server_as_when_it_was_published(published):
    name, version_dir = published
    kept = json.loads((published_exports.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    content = manifest.read_manifest(version_dir)
    assert name.startswith(f"format{content['format_version']}_")
    model = servable.Servable.load("shop", 1, version_dir)
    for each in kept:
        answer = model.run("serving_default", published_exports.inputs_of(each["request"]))
        assert [[name.decode() for name in row] for row in answer["candidate_ids"]] == each["candidate_ids"]
        np.testing.assert_allclose(answer["scores"], each["scores"], atol=1e-6)
    model.close()


def test_the_kept_exports_hold_the_parts_of_large_ones(scann_dir, tmp_path):
    parameters = manifest.read_manifest(scann_dir)["index_parameters"]
    assert (parameters["num_leaves"], parameters["dimensions_per_block"]) == (8, 2)
    content = manifest.read_manifest(_unpacked("format2_partitioned", tmp_path))
    assert content["index_parameters"]["num_leaves"] >= 10
    assert content["index_parameters"]["storage"] == "float16"
    assert (content["filter_columns"], content["num_precomputed_queries"]) == (["tags"], 160)


def _cut_off(path):
    path.write_bytes(path.read_bytes()[:-2])


def _flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_cut_off, _flip_bit, pathlib.Path.unlink])
def test_damage_to_any_file_is_found(scann_dir, tmp_path, damage):
    names = [path.relative_to(scann_dir) for path in scann_dir.rglob("*") if path.is_file()]
    assert len(names) == 6
    for name in names:
        folder = pathlib.Path(shutil.copytree(scann_dir, tmp_path / name.name / "1"))
        damage(folder / name)
        if name.name == "manifest.json" and not (folder / name).exists():
            continue  # Then it is a SavedModel like those of other programs.
        with pytest.raises(manifest.ManifestError, match=r"not as it was published|has no readable"):
            manifest.require_as_published(folder)


def test_flipped_bits_of_the_manifest_count(damaged_dir):
    path = damaged_dir / "assets.extra" / "manifest.json"
    whole = path.read_bytes()
    read = manifest.read_manifest(damaged_dir)
    for position in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            # A space for a line's end says the same.
            assert manifest.read_manifest(damaged_dir) == read
        except manifest.ManifestError:
            continue


@pytest.mark.parametrize("mixed_up", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_files_of_another_version_are_not_served(damaged_dir, tmp_path, mixed_up):
    other = _unpacked("format2_brute_force", tmp_path / "other")
    shutil.copy(other / mixed_up, damaged_dir / mixed_up)
    with pytest.raises(errors.DataLossError, match=rf"{mixed_up} is not as it was published; remove the version"):
        servable.Servable.load("shop", 1, damaged_dir)
    with pytest.raises(manifest.ManifestError, match=f"{mixed_up} is not as it was published"):
        saved_model.load_saved_model(damaged_dir)


def test_an_export_with_the_manifest_of_another_is_not_served(damaged_dir, tmp_path):
    other = _unpacked("format2_brute_force", tmp_path / "other")
    name = pathlib.PurePath("assets.extra", "manifest.json")
    shutil.copy(other / name, damaged_dir / name)
    with pytest.raises(errors.DataLossError, match="is not as it was published"):
        servable.Servable.load("shop", 1, damaged_dir)


def test_a_format_of_the_future_is_not_served(damaged_dir):
    path = damaged_dir / "assets.extra" / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"format_version": 2', '"format_version": 3'))
    with pytest.raises(errors.DataLossError, match=r"has format_version 3, but this version reads 1, 2; export again"):
        servable.Servable.load("shop", 1, damaged_dir)
