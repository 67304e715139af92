import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from serving import manifest, preflight, warm_up_requests
from tests.serving import small_recommender


@pytest.fixture(scope="module", params=["brute_force", "scann"])
def export(request, small_exports, tmp_path_factory):
    """A version as it is published: with warm-up requests and manifest."""
    folder = tmp_path_factory.mktemp("shop") / "1"
    made = small_exports(request.param)
    shutil.copytree(made.path, folder)
    asked = {"query_id": small_recommender.arrays({"query_id": ["u1"]})["query_id"]}
    warm_up_requests.write_warm_up_requests(folder, "shop", [("serving_default", asked)])
    manifest.write_manifest(folder, {})
    return dataclasses.replace(made, path=folder)


def _trial(error: str = "", failures: tuple[str, ...] = ()) -> preflight.Trial:
    return preflight.Trial(error, list(failures), 3)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(preflight.PreflightError, match=r"saved_model\.pb is no readable SavedModel .*name the folder"):
        preflight.run(tmp_path)


def test_operations_of_functions_count_and_functions_do_not(small_export):
    needed = preflight.required_ops(small_export.path)
    assert {"VarHandleOp", "TopKV2"} <= needed
    assert not any(name.startswith("__inference") for name in needed)
    assert ("Scann>ScannSearchBatched" in needed) == (small_export.kind == "scann")


def test_each_host_is_told_what_it_will_do(small_export, monkeypatch):
    """Without ScaNN's operations an export that needs them does not load."""
    needs_scann = small_export.kind == "scann"

    def tried(model_dir, requests, op_library):
        lacks = needs_scann and op_library != "scann"
        return _trial("Op type not registered 'Scann>ScannSearchBatched'" if lacks else "")

    monkeypatch.setattr(preflight, "_try", tried)
    found = preflight.run(small_export.path)
    assert found["serves"]
    assert found["hosts"]["this server"] == "serves it: 3 warm-up requests answered"
    if needs_scann:
        assert "it has no Scann>ScannSearchBatched, Scann>TensorsToScann" in found["hosts"]["stock TensorFlow Serving"]
        assert "--index=partitioned or brute_force" in found["hosts"]["stock TensorFlow Serving"]
        assert "once TF_LoadLibrary has loaded _scann_ops.so" in found["hosts"]["TensorFlow for C and Java, Triton"]
    else:
        assert set(found["hosts"].values()) == {"serves it: 3 warm-up requests answered"}


def test_a_request_that_fails_keeps_an_export_from_being_served(small_export, monkeypatch):
    monkeypatch.setattr(preflight, "_try", lambda *unused: _trial(failures=("score: INVALID_ARGUMENT: no",)))
    found = preflight.run(small_export.path)
    assert not found["serves"]
    assert found["hosts"]["this server"] == "does not serve it: score: INVALID_ARGUMENT: no"


def test_a_file_that_changed_is_named_and_keeps_an_export_from_being_served(export, tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "_try", lambda *unused: _trial())
    assert preflight.run(export.path)["changed_since_publication"] == ""
    copy = pathlib.Path(shutil.copytree(export.path, tmp_path / "1"))
    (copy / "fingerprint.pb").unlink()
    found = preflight.run(copy)
    assert not found["serves"]
    assert "fingerprint.pb is not as it was published" in found["changed_since_publication"]


@pytest.mark.parametrize("name", ["saved_model.pb", "assets.extra/tf_serving_warmup_requests"])
def test_a_file_that_is_cut_off_is_named_with_a_manifest_and_without(export, tmp_path, name):
    copy = pathlib.Path(shutil.copytree(export.path, tmp_path / "1"))
    (copy / name).write_bytes((copy / name).read_bytes()[:-2])
    assert f"{name} is not as it was published" in preflight.run(copy)["changed_since_publication"]
    (copy / "assets.extra" / "manifest.json").unlink()
    with pytest.raises(preflight.PreflightError, match=r"no readable SavedModel|warm-up requests that cannot be read"):
        preflight.run(copy)


@pytest.mark.drill
def test_the_command_loads_an_export_as_each_host_does(export):
    command = [sys.executable, "-m", "serving.preflight", f"--model_dir={export.path}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(finished.stdout)
    assert found["serves"]
    assert found["loader_with_scann"]["num_requests"] == 1
    stock = found["stock_loader"]
    if export.kind == "scann":
        assert "Op type not registered 'Scann>TensorsToScann'" in stock["error"]
        assert "the version does not load" in found["hosts"]["stock TensorFlow Serving"]
    else:
        assert (stock["error"], stock["num_requests"]) == ("", 1)


@pytest.mark.drill
def test_the_command_ends_with_one_and_a_sentence_where_there_is_no_model(tmp_path):
    command = [sys.executable, "-m", "serving.preflight", f"--model_dir={tmp_path}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "is no readable SavedModel" in finished.stderr
