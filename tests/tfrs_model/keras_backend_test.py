"""Which Keras a process gets; each case needs a Python of its own, since the first import decides."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]

# Stands in for TensorFlow 2.20, whose import takes seconds: it remembers what the variable said.
_FAKE_TENSORFLOW = (
    '_tf_uses_legacy_keras = __import__("os").environ.get("TF_USE_LEGACY_KERAS") in ("true", "True", "1")'
)


def _python(tmp_path, code, variable=None, fake_tensorflow=True):
    if fake_tensorflow:
        (tmp_path / "tensorflow.py").write_text(_FAKE_TENSORFLOW, encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(_ROOT)])
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if variable is not None:
        environment["TF_USE_LEGACY_KERAS"] = variable
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("variable", [None, "", "1", "true", "True"])
@pytest.mark.parametrize("package", ["tfrs_model", "serving", "pipelines"])
def test_each_package_chooses_keras_2_for_a_tensorflow_imported_later(tmp_path, package, variable):
    code = (
        f"import {package}, sys; print('tensorflow' in sys.modules);"
        "import tensorflow; print(tensorflow._tf_uses_legacy_keras)"
    )
    assert _python(tmp_path, code, variable).stdout.split() == ["False", "True"]


@pytest.mark.parametrize("variable", ["0", "TRUE", "false", "yes"])
def test_a_value_that_tensorflow_reads_as_keras_3_is_refused(tmp_path, variable):
    stderr = _python(tmp_path, "import tfrs_model", variable).stderr
    assert (
        f"KerasVersionError: TensorFlow Recommenders needs Keras 2, but TF_USE_LEGACY_KERAS='{variable}' means Keras 3 "
        "to TensorFlow. Set TF_USE_LEGACY_KERAS=1, or unset it before Python starts." in stderr
    )


def test_tensorflow_imported_first_is_refused_with_the_remedy(tmp_path):
    stderr = _python(tmp_path, "import tensorflow, tfrs_model").stderr
    assert "TensorFlow was imported first and chose Keras 3. Import tfrs_model (or serving, pipelines) before" in stderr


def test_tensorflow_imported_first_under_a_wrong_value_names_the_value(tmp_path):
    stderr = _python(tmp_path, "import tensorflow, tfrs_model", "0").stderr
    assert "but TF_USE_LEGACY_KERAS='0' means Keras 3 to TensorFlow" in stderr


def test_setting_the_variable_after_tensorflow_was_imported_does_not_help(tmp_path):
    stderr = _python(
        tmp_path, "import os, tensorflow; os.environ['TF_USE_LEGACY_KERAS'] = '1'; import tfrs_model"
    ).stderr
    assert "TensorFlow was imported first and chose Keras 3" in stderr


def test_tensorflow_imported_first_under_the_variable_is_accepted(tmp_path):
    assert _python(tmp_path, "import tensorflow, tfrs_model", "1").returncode == 0


def test_removing_the_variable_after_tensorflow_was_imported_is_refused(tmp_path):
    stderr = _python(
        tmp_path, "import os, tensorflow; del os.environ['TF_USE_LEGACY_KERAS']; import tfrs_model", "1"
    ).stderr
    assert "TF_USE_LEGACY_KERAS was removed after TensorFlow was imported" in stderr


def test_the_real_tensorflow_gives_keras_2_at_every_door(tmp_path):
    code = (
        "import json, tfrs_model, tensorflow as tf, tensorflow_recommenders; from tensorflow.keras import layers;"
        "print(json.dumps([c.__module__.split('.')[0] for c in (layers.Dense, tf.keras.Model, tf.optimizers.Adam)]"
        "+ [tf._tf_uses_legacy_keras]))"
    )
    result = _python(tmp_path, code, fake_tensorflow=False)
    assert json.loads(result.stdout) == ["tf_keras", "tf_keras", "tf_keras", True], result.stderr
