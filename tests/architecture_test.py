"""Holds the shape of the tree, and shows on planted trees that each rule sees what it should."""

import pathlib

import pytest

from tests import architecture

_ROOT = pathlib.Path(__file__).parents[1]

# Path, or path:function, to the reason why it may pass the limit.
_MAY_BE_LONG = {
    "tests/pipelines/report/example_report.py:example_report": "one literal, read as a whole",
}


@pytest.fixture(scope="module")
def tree():
    modules = architecture.read_modules(_ROOT)
    assert {"tfrs_model", "serving", "pipelines", "tests"} <= {module.package for module in modules}
    return modules


@pytest.mark.parametrize(
    "rule",
    [
        architecture.wrong_directions,
        architecture.model_imports_in_serving,
        architecture.tensorflow_at_import,
        architecture.impure_model_code,
        architecture.repeated_flags,
        architecture.names_that_say_nothing,
    ],
    ids=lambda rule: rule.__name__,
)
def test_the_tree_keeps_the_rule(tree, rule):
    assert rule(tree) == []


def test_every_folder_of_tests_is_a_package():
    assert architecture.folders_without_init(_ROOT) == []


def test_no_file_and_no_function_is_longer_than_the_limit(tree):
    assert architecture.too_long(tree, _MAY_BE_LONG) == []


def _planted(tmp_path, files):
    for path, code in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(code, encoding="utf-8")
    return architecture.read_modules(tmp_path)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tfrs_model/losses.py", "import serving"),
        ("tfrs_model/losses.py", "from pipelines import job"),
        ("serving/errors.py", "import pipelines.job as j"),
        ("serving/index/tree.py", "def build():\n    from pipelines import job"),
        ("pipelines/train.py", "from tests.tfrs_model import data"),
        ("pipelines/train.py", "from benchmarks import quality"),
        ("benchmarks/quality.py", "import tests"),
    ],
)
def test_an_import_to_the_left_is_found(tmp_path, path, code):
    (sentence,) = architecture.wrong_directions(_planted(tmp_path, {path: code}))
    assert sentence.startswith(f"{path}:{code.count(chr(10)) + 1} imports ")


def test_imports_to_the_right_and_from_outside_are_fine(tmp_path):
    files = {
        "tests/a_test.py": "import benchmarks, pipelines, serving, tfrs_model, pytest",
        "pipelines/train.py": "from serving import errors\nfrom . import job\nimport serving_tools",
    }
    assert architecture.wrong_directions(_planted(tmp_path, files)) == []


@pytest.mark.parametrize("path", ["serving/errors.py", "serving/server/main.py", "serving/client.py"])
def test_the_model_is_out_of_reach_for_the_rest_of_serving(tmp_path, path):
    (sentence,) = architecture.model_imports_in_serving(_planted(tmp_path, {path: "from tfrs_model import towers"}))
    assert sentence.startswith(f"{path}:1 imports tfrs_model.towers; in serving only")


def test_index_and_export_may_import_the_model_and_init_may_choose_keras(tmp_path):
    files = {
        "serving/__init__.py": "from tfrs_model import keras_backend",
        "serving/index/tree.py": "from tfrs_model import ranking",
        "serving/served_recommender.py": "import tfrs_model.towers",
    }
    assert architecture.model_imports_in_serving(_planted(tmp_path, files)) == []


def test_init_of_serving_may_import_nothing_else_of_the_model(tmp_path):
    assert (
        len(architecture.model_imports_in_serving(_planted(tmp_path, {"serving/__init__.py": "import tfrs_model"})))
        == 1
    )


@pytest.mark.parametrize(
    "code",
    [
        "import tensorflow as tf",
        "from tensorflow.core.framework import tensor_pb2",
        "from tensorflow_serving.apis import predict_pb2",
        "try:\n    import tensorflow\nexcept ImportError:\n    pass",
        "class Client:\n    import scann",
    ],
)
def test_a_client_that_loads_tensorflow_is_found(tmp_path, code):
    (sentence,) = architecture.tensorflow_at_import(_planted(tmp_path, {"serving/client.py": code}))
    assert sentence.startswith("serving/client.py loads TensorFlow when imported: serving.client -> ")


def test_a_client_that_loads_tensorflow_through_others_is_found_with_the_way(tmp_path):
    files = {
        "serving/client_grpc.py": "from serving import messages",
        "serving/messages.py": "from .encoding import tensors",
        "serving/encoding/__init__.py": "import tensorflow",
        "serving/encoding/tensors.py": "",
    }
    (sentence,) = architecture.tensorflow_at_import(_planted(tmp_path, files))
    assert "serving.client_grpc -> serving.messages -> serving.encoding -> tensorflow." in sentence


@pytest.mark.parametrize(
    "code",
    [
        "def call():\n    import tensorflow",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tensorflow",
        "import tensorflow_free",
    ],
)
def test_a_client_that_loads_tensorflow_later_or_never_is_fine(tmp_path, code):
    assert architecture.tensorflow_at_import(_planted(tmp_path, {"serving/client.py": code})) == []


@pytest.mark.parametrize(
    "code",
    [
        "from absl import flags",
        "import time",
        "from tqdm import tqdm",
        "def save(path):\n    path.write_text('x')",
        "open('x', 'w')",
        "open('x', mode='ab')",
        "path.open('r+')",
    ],
)
def test_flags_clocks_progress_and_writes_in_the_model_are_found(tmp_path, code):
    assert len(architecture.impure_model_code(_planted(tmp_path, {"tfrs_model/losses.py": code}))) == 1
    assert architecture.impure_model_code(_planted(tmp_path / "other", {"pipelines/train.py": code})) == []


def test_reading_in_the_model_is_fine(tmp_path):
    code = "import pathlib\npathlib.Path('x').read_text()\nopen('x')\nopen('x', 'rb')\npath.open()\n[].remove(1)"
    assert architecture.impure_model_code(_planted(tmp_path, {"tfrs_model/schema.py": code})) == []


def test_a_flag_defined_twice_is_found_with_both_places(tmp_path):
    files = {
        "pipelines/train.py": "from absl import flags\nflags.DEFINE_integer('seed', 1, '')",
        "pipelines/export.py": "from absl.flags import *\nDEFINE_bool('seed', 1, '')\nDEFINE_bool('k', 1, '')",
    }
    (sentence,) = architecture.repeated_flags(_planted(tmp_path, files))
    assert sentence == "Flag --seed is defined at pipelines/export.py:2 and pipelines/train.py:2."


def test_a_flag_that_a_command_defines_as_it_starts_clashes_with_no_import(tmp_path):
    command = "from absl import flags\ndef {}():\n    flags.DEFINE_string('model_dir', None, '')"
    files = {"pipelines/train.py": "from absl import flags\nflags.DEFINE_string('model_dir', None, '')"}
    files["serving/preflight.py"] = command.format("console_main")
    assert architecture.repeated_flags(_planted(tmp_path, files)) == []
    files["serving/preflight.py"] = command.format("define_flags")
    assert len(architecture.repeated_flags(_planted(tmp_path, files))) == 1


def test_a_flag_whose_name_cannot_be_read_is_found(tmp_path):
    code = "from absl import flags\nfor n in 'ab':\n    flags.DEFINE_bool(n, True, '')"
    assert "<computed>" in architecture.repeated_flags(_planted(tmp_path, {"pipelines/train.py": code}))[0]


@pytest.mark.parametrize("name", ["utils", "common", "helpers"])
def test_a_file_without_a_noun_is_found(tmp_path, name):
    assert len(architecture.names_that_say_nothing(_planted(tmp_path, {f"serving/{name}.py": ""}))) == 1


def test_a_test_folder_without_init_is_found(tmp_path):
    _planted(tmp_path, {"tests/__init__.py": "", "tests/serving/a_test.py": ""})
    assert architecture.folders_without_init(tmp_path) == ["tests/serving needs an __init__.py."]


def test_a_long_file_is_found_unless_excused(tmp_path):
    modules = _planted(tmp_path, {"serving/errors.py": "x = 1\n" * 301, "serving/client.py": "x = 1\n" * 300})
    assert architecture.too_long(modules, {}) == ["serving/errors.py has 301 lines, more than 300; split it."]
    assert architecture.too_long(modules, {"serving/errors.py": "a table"}) == []


def test_a_long_function_is_found_without_counting_its_docstring(tmp_path):
    docstring = '    """' + "words\n" * 50 + '    """\n'
    line = "    x = 1\n"
    code = f"def short():\n{docstring}{line * 40}\ndef long():\n{docstring}{line * 41}"
    (sentence,) = architecture.too_long(_planted(tmp_path, {"serving/errors.py": code}), {})
    assert "long has 41 body lines, more than 40" in sentence


def test_an_excuse_that_is_no_longer_needed_is_found(tmp_path):
    modules = _planted(tmp_path, {"serving/errors.py": ""})
    assert architecture.too_long(modules, {"serving/errors.py": "a table"}) == [
        "serving/errors.py is excused (a table) but short; drop the excuse."
    ]
