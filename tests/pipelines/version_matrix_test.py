"""What is installed against what the metadata asks for, on metadata written by hand."""

import importlib.metadata
import sys

import pytest

from pipelines import version_matrix

_METADATA = """Metadata-Version: 2.1
Name: tfrs-two-tower
Version: 9.8.7
Requires-Python: {python}
Requires-Dist: tensorflow==2.20.0
Requires-Dist: numpy<3,>=2.0
Requires-Dist: ibis-framework[duckdb]==12.0.*
Requires-Dist: pytest>=8; extra == "test"
"""


def _project(tmp_path, python=">=3.11,<3.14"):
    folder = tmp_path / "tfrs_two_tower-9.8.7.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(_METADATA.format(python=python), encoding="utf-8")
    return importlib.metadata.Distribution.at(folder)


def _by_name(checks):
    return {check.name: check for check in checks}


def test_requirements_that_fit_are_ok_and_extras_are_not_asked_for(tmp_path):
    installed = {"tensorflow": "2.20.0", "numpy": "2.4.6", "ibis-framework": "12.0.3"}
    checks = version_matrix.check_versions(_project(tmp_path), installed.get)
    assert [check.name for check in checks] == ["tfrs-two-tower", "Python", "tensorflow", "numpy", "ibis-framework"]
    assert all(check.ok and not check.remedy for check in checks)
    assert _by_name(checks)["tfrs-two-tower"].installed == "9.8.7"


@pytest.mark.parametrize("version", ["2.19.1", "2.21.0", "2.20.1"])
def test_another_tensorflow_is_named_with_the_command_that_mends_it(tmp_path, version):
    check = _by_name(version_matrix.check_versions(_project(tmp_path), {"tensorflow": version}.get))["tensorflow"]
    assert (check.ok, check.installed, check.expected) == (False, version, "==2.20.0")
    assert check.remedy == "Run `pip install 'tensorflow==2.20.0'`."


def test_a_package_that_is_missing_is_reported_and_not_raised(tmp_path):
    check = _by_name(version_matrix.check_versions(_project(tmp_path), {}.get))["ibis-framework"]
    assert (check.ok, check.installed) == (False, "not installed")
    assert check.remedy == "Run `pip install 'ibis-framework[duckdb]==12.0.*'`."


def test_a_python_outside_the_range_is_refused(tmp_path):
    check = _by_name(version_matrix.check_versions(_project(tmp_path, python=">=3.2,<3.4"), {}.get))["Python"]
    assert not check.ok
    assert check.remedy.startswith("Make the environment with a Python <3.4,>=3.2") or ">=3.2,<3.4" in check.remedy


def test_a_tree_that_was_never_installed_says_how_to_install_it():
    (check,) = version_matrix.check_versions(None)
    assert check.remedy == "Run `pip install -c constraints.txt -e .` in the source tree."


def test_a_missing_packaging_module_is_one_finding_and_no_crash(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    (check,) = version_matrix.check_versions(_project(tmp_path), {}.get)
    assert (check.name, check.remedy) == ("packaging", "Run `pip install packaging`.")


def test_a_second_build_of_tensorflow_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(version_matrix, "project_metadata", lambda: _project(tmp_path))
    (check,) = version_matrix.check_twins({"tensorflow-cpu": "2.20.0", "tensorflow": "2.20.0"}.get)
    assert (check.ok, check.installed) == (False, "tensorflow-cpu 2.20.0")
    assert check.remedy == (
        "Run `pip uninstall -y tensorflow-cpu`, then `pip install --force-reinstall --no-deps tensorflow==2.20.0`: "
        "two builds of TensorFlow overwrite each other's files."
    )


def test_one_build_of_tensorflow_is_fine():
    (check,) = version_matrix.check_twins({"tensorflow": "2.20.0"}.get)
    assert check.ok


def test_the_install_command_carries_the_ranges_of_the_metadata(monkeypatch, tmp_path):
    monkeypatch.setattr(version_matrix, "project_metadata", lambda: _project(tmp_path))
    command = version_matrix.install_command("numpy", "pytest", "duckdb")
    assert command == "pip install --force-reinstall --no-deps 'numpy<3,>=2.0' pytest duckdb"
