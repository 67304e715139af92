"""A broken package is reported and the probes after it still run; packages are stand-ins, broken on purpose."""

import os
import pathlib

import pytest

from pipelines import import_probes

_ROOT = pathlib.Path(__file__).parents[2]
_TENSORFLOW = """
__version__ = "2.20.0"
class keras: Model = 1
class linalg: matmul = staticmethod(print)
def ones(shape): return shape
"""
_PACKAGES = {
    "tensorflow.py": _TENSORFLOW,
    "tf_keras.py": "Model = 1\n__version__ = '2.20.1'\n",
    "tensorflow_recommenders.py": "__version__ = 'v0.7.7'\n",
    "scann.py": "raise ImportError('_scann_ops.so: undefined symbol: _ZN10tensorflow8OpKernel')\n",
    "grpc.py": "__version__ = '1.85.1'\n",
    "tensorflow_serving.py": "raise TypeError('Detected incompatible Protobuf Gencode/Runtime versions')\n",
    "ibis.py": "import os\nos._exit(3)\n",
}


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    for name, code in _PACKAGES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(_ROOT)]))
    return tmp_path


def _states(checks):
    return [(check.ok, check.installed) for check in checks]


def test_each_probe_reports_what_it_found_or_why_it_failed(stand_ins):
    checks = import_probes.run_probes()
    assert _states(checks) == [
        (True, "2.20.0"),
        (True, "2.20.1"),
        (True, "0.7.7"),
        (False, "ImportError: _scann_ops.so: undefined symbol: _ZN10tensorflow8OpKernel"),
        (False, "TypeError: Detected incompatible Protobuf Gencode/Runtime versions"),
        (False, "the process ended with code 3"),
    ]
    assert "ScaNN's ops load only into the TensorFlow release that they were linked against." in checks[3].remedy


@pytest.mark.parametrize("signal_name", ["SIGILL", "SIGSEGV"])
def test_a_crash_is_reported_by_its_signal_and_the_rest_is_still_tried(stand_ins, signal_name):
    crash = f"import os, signal\nos.kill(os.getpid(), signal.{signal_name})\n"
    (stand_ins / "tensorflow.py").write_text(crash, encoding="utf-8")
    checks = import_probes.run_probes()
    died = (False, f"the process died of {signal_name}")
    assert _states(checks)[:3] == [died, died, (True, "0.7.7")]
    assert ("with AVX and FMA" in checks[0].remedy) == (signal_name == "SIGILL")


def test_keras_3_behind_tf_keras_is_found(stand_ins):
    (stand_ins / "tf_keras.py").write_text("Model = 2\n", encoding="utf-8")
    check = import_probes.run_probes()[1]
    assert (check.ok, check.installed) == (False, "ProbeError: tf.keras is Keras 3")
    assert "leave TF_USE_LEGACY_KERAS unset or 1" in check.remedy


def test_an_import_that_hangs_is_given_up(stand_ins):
    (stand_ins / "tensorflow.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    (stand_ins / "tf_keras.py").write_text("", encoding="utf-8")
    assert import_probes.run_probes(timeout_seconds=0.5)[0].installed == "no end after 0.5 s"
