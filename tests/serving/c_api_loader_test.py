import json
import subprocess
import sys

import pytest

from serving import errors

_SCRIPT = """
import sys
from serving import c_api_loader
outputs = c_api_loader.load_and_run(sys.argv[1], sys.argv[2], eval(sys.argv[3]))
assert "tensorflow" not in sys.modules
print({name: (array.dtype.name, array.tolist()) for name, array in sorted(outputs.items())})
"""


def _run(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_loader_of_tensorflow_serving_runs_strings_without_python_tensorflow(playground_dir):
    # A string above 22 bytes is kept on the heap, a shorter one in place.
    long = "x" * 40
    feeds = {"texts": [b"a\x00\xff", long, ""]}
    process = _run("-c", _SCRIPT, playground_dir, "text", feeds)
    assert process.returncode == 0, process.stderr
    assert eval(process.stdout) == {
        "doubled": ("object", [b"a\x00\xffa\x00\xff", (long * 2).encode(), b""]),
        "raw_bytes": ("object", [b"a\x00\xff", long.encode(), b""]),
    }


def test_the_loader_restores_variables_and_prints_json(half_plus_three_dir):
    process = _run(
        "-m", "serving.c_api_loader", f"--c_api_model_dir={half_plus_three_dir}", '--c_api_inputs={"x": [[1], [5]]}'
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == {"y": [[3.5], [5.5]]}


def test_a_folder_without_a_model_ends_with_one_sentence(tmp_path):
    process = _run("-m", "serving.c_api_loader", f"--c_api_model_dir={tmp_path}")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith(
        "ERROR: Could not find SavedModel .pb or .pbtxt at supplied export"
    )


def test_wrong_names_are_refused_with_the_right_ones(playground_dir):
    script = _SCRIPT.replace("outputs = ", "try:\n  outputs = ").replace(
        "\nassert", "\nexcept Exception as error:\n  print(type(error).__name__, error); sys.exit()\nassert"
    )
    assert _run("-c", script, playground_dir, "two_inputs", {"a": [1.0]}).stdout.strip() == (
        "InvalidArgumentError Signature 'two_inputs' takes inputs ['a', 'b'], but got ['a']."
    )
    assert _run("-c", script, playground_dir, "absent", {}).stdout.startswith(
        'FailedPreconditionError Serving signature key "absent" not found. The model has '
    )


def test_ops_from_elsewhere_need_their_library(scann_dir):
    arguments = [
        "-m",
        "serving.c_api_loader",
        f"--c_api_model_dir={scann_dir}",
        '--c_api_inputs={"queries": [[3, 2, 1, 0]]}',
    ]
    without = _run(*arguments)
    assert without.returncode == 1
    assert without.stderr.splitlines()[-1].startswith("ERROR: Op type not registered 'Scann>")
    process = _run(*arguments, "--c_api_op_library=scann")
    # By hand: the products are 3, 2, 1, 0 and .6 * 6 = 3.6.
    assert json.loads(process.stdout) == {"neighbors": [[4, 0, 1]]}


def test_a_missing_package_is_named():
    from serving import tensorflow_c_api

    with pytest.raises(errors.NotFoundError, match="The absent_package package is not installed"):
        tensorflow_c_api.package_dir("absent_package")
