"""setup.py and constraints.txt against the code: what is imported is declared, what is declared is pinned."""

import ast
import fnmatch
import importlib.metadata
import pathlib
import runpy
import sys

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tfrs_model
from tests import architecture

_ROOT = pathlib.Path(__file__).parents[1]


# An extra: one module tries the import, the others are imported after it.
_MAY_IMPORT_SPARK = ("pipelines/preparation/engines.py", "pipelines/preparation/spark_")


@pytest.fixture(scope="module")
def setup_arguments():
    recorded = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(_ROOT)
        patch.setattr(setuptools, "setup", recorded.update)
        runpy.run_path(str(_ROOT / "setup.py"))
    return recorded


@pytest.fixture(scope="module")
def pins():
    lines = (_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in requirements}


def _functions(path):
    tree = ast.parse((_ROOT / path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _is_module_name(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value


def _declared(setup_arguments):
    extras = [text for texts in setup_arguments["extras_require"].values() for text in texts]
    return [Requirement(text) for text in [*setup_arguments["install_requires"], *extras]]


def test_the_version_is_read_from_the_package(setup_arguments):
    assert setup_arguments["version"] == tfrs_model.__version__


def test_tests_and_benchmarks_are_no_part_of_the_distribution(setup_arguments):
    packages = setup_arguments["packages"]
    assert {name.split(".")[0] for name in packages} == {"tfrs_model", "serving", "pipelines"}
    assert "serving.server" in packages


def test_every_file_of_a_package_that_is_no_module_is_shipped_with_it(setup_arguments):
    shipped = setup_arguments["package_data"]
    for package in ("tfrs_model", "serving", "pipelines"):
        patterns = shipped.get(package, [])
        for path in (_ROOT / package).rglob("*"):
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                inside = path.relative_to(_ROOT / package).as_posix()
                assert any(fnmatch.fnmatchcase(inside, pattern) for pattern in patterns), path


def test_every_console_script_leads_to_a_module_that_starts(setup_arguments):
    scripts = dict(entry.split("=") for entry in setup_arguments["entry_points"]["console_scripts"])
    assert {"tfrs-train", "tfrs-doctor", "tfrs_model_server"} <= set(scripts)
    started = _functions("pipelines/commands.py")
    for target in scripts.values():
        module, function = target.split(":")
        assert module == "pipelines.commands"
        (name,) = [node.value for node in ast.walk(started[function]) if _is_module_name(node)]
        assert "console_main" in _functions(f"{name.replace('.', '/')}.py"), name


def test_every_package_that_the_code_imports_is_declared(setup_arguments):
    def names(texts):
        return {canonicalize_name(Requirement(text).name) for text in texts}

    required = names(setup_arguments["install_requires"])
    with_spark = required | names(setup_arguments["extras_require"]["spark"])
    owners = importlib.metadata.packages_distributions()
    undeclared = {}
    for module in architecture.read_modules(_ROOT):
        if module.package in ("tests", "benchmarks"):
            continue
        declared = with_spark if str(module.path).startswith(_MAY_IMPORT_SPARK) else required
        for line, name in architecture.imported_names(module):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in architecture.LAYERS:
                continue
            # The extra need not be installed; its packages are named after their modules.
            if not declared & {canonicalize_name(owner) for owner in owners.get(top, [top])}:
                undeclared[f"{module.path}:{line}"] = name
    assert undeclared == {}


def test_every_requirement_has_one_exact_pin_inside_its_range(setup_arguments, pins):
    for requirement in _declared(setup_arguments):
        pin = pins[canonicalize_name(requirement.name)]
        (exact,) = pin
        assert exact.operator == "=="
        assert requirement.specifier.contains(exact.version), requirement.name


def test_what_the_requirements_bring_along_is_pinned_too(setup_arguments, pins):
    # These extras need not be installed; PySpark brings py4j, which brings nothing, the searches bring NumPy.
    extras = setup_arguments["extras_require"]
    extra = {Requirement(text).name for name in ("spark", "benchmark") for text in extras[name]}
    waiting = [requirement.name for requirement in _declared(setup_arguments) if requirement.name not in extra]
    seen = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        assert name in pins
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            wanted = {"ibis-framework": "duckdb"}.get(name, "")
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                waiting.append(requirement.name)
    assert len(seen) > 60


def test_the_build_tool_is_the_pinned_one(pins):
    (line,) = [line for line in (_ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("requires =")]
    (required,) = ast.literal_eval(line.split("=", 1)[1].strip())
    assert Requirement(required).specifier == pins["setuptools"]


def test_the_licence_is_the_whole_apache_2_text():
    text = (_ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert all(f"\n   {number}. " in text for number in range(1, 10))
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert text.rstrip().endswith("limitations under the License.")
