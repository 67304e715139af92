"""What the image installs against what the server imports."""

import ast
import pathlib
import re
import sys

from packaging.utils import canonicalize_name

from tests import architecture
from tests.deploy import deploy_files

# What is started inside the image; the preflight starts the C API loader, which has no import of it.
_STARTED = ("serving.server.__main__", "serving.server.probe", "serving.preflight", "serving.c_api_loader")

# Packages that are not named as they are imported; of the many below `google` the server imports protobuf.
_DISTRIBUTIONS = {
    "absl": "absl-py",
    "google": "protobuf",
    "grpc": "grpcio",
    "pythonjsonlogger": "python-json-logger",
    "grpc_health": "grpcio-health-checking",
    "tensorflow_serving": "tensorflow-serving-api",
}


def _listed():
    lines = deploy_files.text("server_requirements.txt").splitlines()
    return {canonicalize_name(line) for line in lines if not line.startswith("#")}


def _module(name):
    """A module of this project, or `None` where the name is that of something within one."""
    path = pathlib.Path(*name.split("."))
    for each in (path.with_suffix(".py"), path / "__init__.py"):
        if (deploy_files.ROOT / each).is_file():
            return architecture.Module(each.as_posix(), ast.parse((deploy_files.ROOT / each).read_text("utf-8")), 0)
    return None


def _imported_modules():
    """Top-level packages from outside that the started modules import, directly or through others of this project."""
    waiting, seen, outside = list(_STARTED), set(), set()
    while waiting:
        name = waiting.pop()
        if name in seen or (module := _module(name)) is None:
            continue
        seen.add(name)
        for _, imported in architecture.imported_names(module):
            parts = imported.split(".")
            if parts[0] in architecture.LAYERS:
                waiting += [".".join(parts[: end + 1]) for end in range(len(parts))]
            elif parts[0] not in sys.stdlib_module_names:
                outside.add(parts[0])
    assert seen > set(_STARTED)
    return outside


def _needed():
    # Imported by name where a model has its operations: serving/server/meta_graphs.py.
    return {_DISTRIBUTIONS.get(name, name) for name in _imported_modules()} | {"scann"}


def test_the_image_has_what_the_server_imports_and_nothing_else():
    assert _listed() == _needed()


def test_nothing_of_training_is_in_the_image():
    assert not _listed() & {"duckdb", "ibis-framework", "matplotlib", "tensorflow-recommenders", "tf-keras"}


def test_every_requirement_is_pinned_by_the_constraints():
    pins = (deploy_files.ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)}
    assert _listed() <= pinned
