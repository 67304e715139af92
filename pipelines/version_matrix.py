"""What is installed beside what this distribution's own metadata asks for.

Everything here works on metadata files alone, so that a broken package is
reported rather than imported.
"""

import dataclasses
import importlib
import importlib.metadata
import os
import platform
import re
import shlex
from collections.abc import Callable

DISTRIBUTION = "tfrs-two-tower"

# Each installs a module that is called tensorflow, over the files of the one that is wanted.
_TENSORFLOW_TWINS = ("tensorflow-cpu", "tensorflow-gpu", "tensorflow-rocm", "tf-nightly", "tf-nightly-cpu")

InstalledVersion = Callable[[str], str | None]


@dataclasses.dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
      name: what was looked at.
      installed: what was found, in words.
      expected: what would do.
      ok: whether it does.
      remedy: one sentence that says how to mend it; empty if `ok`.
    """

    name: str
    installed: str
    expected: str
    ok: bool
    remedy: str = ""


def installed_version(name: str) -> str | None:
    """Returns the version of an installed distribution, or `None`."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def project_metadata() -> importlib.metadata.Distribution | None:
    """Returns the metadata of this project as installed, or `None` in a tree that was never installed."""
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def install_command(*names: str) -> str:
    """Returns the pip command that lays distributions down again, in the versions this project asks for."""
    project = project_metadata()
    texts = {name: name for name in names}
    for text in (project.requires or ()) if project else ():
        # "name[extra]<2,>=1; marker": pip needs it in one word, and without the marker.
        name = re.match(r"[\w.-]+", text)[0]
        if name in texts and "extra ==" not in text:
            texts[name] = text.split(";")[0].strip().replace(" ", "")
    return f"pip install --force-reinstall --no-deps {' '.join(map(shlex.quote, texts.values()))}"


def check_versions(
    project: importlib.metadata.Distribution | None, version_of: InstalledVersion = installed_version
) -> list[Check]:
    """Compares Python and every requirement of the project with what is installed.

    Args:
      project: metadata that holds the expected versions; `None` if there is none.
      version_of: returns the installed version of a distribution, or `None`.

    Returns:
      One check per requirement, in the order of the metadata, the project and Python first.
    """
    if project is None:
        remedy = "Run `pip install -c constraints.txt -e .` in the source tree."
        return [Check(DISTRIBUTION, "not installed", "any version", False, remedy)]
    try:
        requirements = importlib.import_module("packaging.requirements")
    except ImportError:
        return [Check("packaging", "not installed", "any version", False, "Run `pip install packaging`.")]
    checks = [
        Check(DISTRIBUTION, project.version, "any version", True),
        _check_python(requirements, project.metadata["Requires-Python"]),
    ]
    for text in project.requires or ():
        requirement = requirements.Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            checks.append(_check_requirement(requirement, version_of(requirement.name)))
    return checks


def check_twins(version_of: InstalledVersion = installed_version) -> list[Check]:
    """Finds other builds of TensorFlow, whose files overwrite those of the pinned one."""
    found = [f"{name} {version}" for name in _TENSORFLOW_TWINS if (version := version_of(name))]
    names = " ".join(entry.split()[0] for entry in found)
    remedy = (
        f"Run `pip uninstall -y {names}`, then `{install_command('tensorflow')}`: two builds of TensorFlow "
        "overwrite each other's files."
    )
    return [Check("other TensorFlow builds", ", ".join(found) or "none", "none", not found, remedy if found else "")]


def check_keras_choice() -> Check:
    """Checks that the environment lets TensorFlow choose Keras 2; the model's own package knows the rule."""
    name, expected = "TF_USE_LEGACY_KERAS", "unset or 1"
    installed = os.environ.get(name, "unset")
    try:
        importlib.import_module("tfrs_model")
    except ImportError as error:
        return Check(name, installed, expected, False, str(error))
    return Check(name, installed, expected, True)


def _check_python(requirements, specifier: str) -> Check:
    version = platform.python_version()
    ok = requirements.Requirement(f"python{specifier}").specifier.contains(version, prereleases=True)
    remedy = f"Make the environment with a Python {specifier}; the ScaNN and TensorFlow wheels exist for no other."
    return Check("Python", version, specifier, ok, "" if ok else remedy)


def _check_requirement(requirement, version: str | None) -> Check:
    expected = str(requirement.specifier) or "any version"
    ok = version is not None and requirement.specifier.contains(version, prereleases=True)
    remedy = "" if ok else f"Run `pip install '{_without_marker(requirement)}'`."
    return Check(requirement.name, version or "not installed", expected, ok, remedy)


def _without_marker(requirement) -> str:
    return str(requirement).split(";")[0].strip()
