"""The report in both formats, and the command on broken installations."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from pipelines import doctor, job
from pipelines.version_matrix import Check

_ROOT = pathlib.Path(__file__).parents[2]
_FITS = Check("numpy", "2.4.6", ">=2.0", True)
_BROKEN = Check("scann", "ImportError: " + "long " * 30, "works", False, "Install it again.")
_HEAVY = ("tensorflow", "tf_keras", "tensorflow_recommenders", "scann", "tensorflow_serving", "grpc", "ibis", "numpy")


def _doctor(tmp_path, *arguments, **variables):
    """Runs the command where every heavy package is missing."""
    for name in _HEAVY:
        code = f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(_ROOT)]), **variables}
    command = [sys.executable, "-m", "pipelines.doctor", *arguments]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)


def test_the_text_report_ends_with_a_sentence_for_each_failure():
    lines = doctor.to_text(doctor.DoctorResult((_FITS, _BROKEN))).splitlines()
    assert lines[1].split() == ["numpy", "2.4.6", ">=2.0", "ok"]
    assert lines[2].startswith("scann  ImportError: long")
    assert lines[2].endswith("NO")
    assert "1 of 2 checks do not fit:" in lines
    assert lines[-1].endswith("(expected: works). Install it again.")


def test_the_text_report_of_a_sound_environment_says_so():
    assert doctor.to_text(doctor.DoctorResult((_FITS,))).endswith("All 1 checks fit.")


def test_the_json_report_carries_every_field():
    report = json.loads(doctor.to_json(doctor.DoctorResult((_FITS,))))
    assert report == {
        "ok": True,
        "checks": [{"name": "numpy", "installed": "2.4.6", "expected": ">=2.0", "ok": True, "remedy": ""}],
    }


def test_an_unknown_format_is_refused():
    with pytest.raises(job.ConfigError, match="--doctor_format must be text or json, but is 'xml'"):
        doctor.DoctorConfig("xml")


def test_without_tensorflow_the_command_still_explains_and_exits_with_1(tmp_path):
    result = _doctor(tmp_path, "--doctor_format=json")
    report = json.loads(result.stdout)
    failed = {check["name"]: check for check in report["checks"] if not check["ok"]}
    assert (result.returncode, report["ok"]) == (1, False)
    assert failed["import tensorflow"]["installed"] == "ModuleNotFoundError: No module named 'tensorflow'"
    assert "pip install --force-reinstall --no-deps" in failed["import tensorflow"]["remedy"]
    assert "Traceback" not in result.stderr


def test_an_environment_that_asks_for_keras_3_is_named(tmp_path):
    result = _doctor(tmp_path, TF_USE_LEGACY_KERAS="0")
    assert result.returncode == 1
    assert "- TF_USE_LEGACY_KERAS: 0 (expected: unset or 1)." in result.stdout
    assert "Set TF_USE_LEGACY_KERAS=1, or unset it before Python starts." in result.stdout


def test_an_unknown_flag_value_exits_with_1_and_one_sentence(tmp_path):
    result = _doctor(tmp_path, "--doctor_format=xml")
    assert result.returncode == 1
    assert "doctor_format" in result.stderr
    assert "Traceback" not in result.stderr
