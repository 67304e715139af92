"""Console scripts, called as the files that pip writes call them."""

import os
import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[2]


def _command(function, *arguments, **variables):
    code = f"import sys; sys.argv[0] = 'bin/tfrs-x'; from pipelines import commands; sys.exit(commands.{function}())"
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), **variables}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_help_shows_the_docstring_and_the_flags_of_the_module():
    result = _command("doctor", "--help")
    assert "Says whether this Python environment can train, export and serve" in result.stdout
    assert "--doctor_format: <text|json>" in result.stdout


def test_an_unknown_flag_exits_with_1_and_a_sentence():
    result = _command("doctor", "--doctor_fromat=json")
    assert result.returncode == 1
    assert "Unknown command line flag 'doctor_fromat'. Did you mean: doctor_format" in result.stderr


def test_a_flagfile_is_read(tmp_path):
    (tmp_path / "flags").write_text("--doctor_format=xml\n", encoding="utf-8")
    result = _command("doctor", f"--flagfile={tmp_path / 'flags'}")
    assert "flag --doctor_format=xml: value should be one of <text|json>" in result.stderr


def test_an_environment_that_asks_for_keras_3_ends_with_one_line():
    result = _command("train", "--help", TF_USE_LEGACY_KERAS="0")
    assert result.stderr == (
        "ERROR: TensorFlow Recommenders needs Keras 2, but TF_USE_LEGACY_KERAS='0' means Keras 3 to TensorFlow. "
        "Set TF_USE_LEGACY_KERAS=1, or unset it before Python starts.\n"
    )
    assert result.returncode == 1
