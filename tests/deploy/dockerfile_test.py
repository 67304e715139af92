"""What the image promises: it is pinned, runs as nobody, holds no tools, starts without a shell, tells its health."""

import json
import os
import pathlib
import re

import pytest

import tfrs_model
from tests.deploy import deploy_files, image_context

_IGNORED = (deploy_files.ROOT / ".dockerignore").read_text(encoding="utf-8")
_PACKAGES = ("tfrs_model", "serving", "pipelines")


def _copied(stage):
    """(sources, target) of each COPY from the context."""
    for name, rest in stage:
        if name == "COPY" and not rest.startswith("--from="):
            *sources, target = rest.split()
            yield sources, target


def _sources():
    return [source for stage in deploy_files.stages() for sources, _ in _copied(stage) for source in sources]


def _files_in_context():
    for folder, folders, names in os.walk(deploy_files.ROOT):
        # Git's own files, an environment, caches: that those stay out is asserted by their names.
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = (pathlib.Path(folder) / name).relative_to(deploy_files.ROOT).as_posix()
            if image_context.is_in_context(path, _IGNORED):
                yield path


def test_both_stages_begin_with_one_image_of_a_full_version():
    assert [stage[0][1].split()[0] for stage in deploy_files.stages()] == ["${PYTHON_IMAGE}"] * 2
    (image,) = [rest for name, rest in deploy_files.instructions() if name == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[123]\.\d+-slim-bookworm(@sha256:[0-9a-f]{64})?", image)


def test_the_place_of_the_digest_is_told_with_the_tag_that_is_used():
    text = deploy_files.text("Dockerfile")
    assert "@sha256:<digest>" in text
    assert len(set(re.findall(r"python:[\w.-]+", text))) == 1


def test_the_server_runs_as_a_number_that_is_not_root():
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", deploy_files.last("USER"))
    after = deploy_files.stages()[-1]
    position = [name for name, _ in after].index("USER")
    assert not [name for name, _ in after[position:] if name in ("RUN", "COPY", "ADD")]


def test_everything_that_is_copied_exists_and_is_in_the_context():
    assert {"constraints.txt", "setup.py", *_PACKAGES} <= set(_sources())
    for source in _sources():
        path = deploy_files.ROOT / source
        assert path.exists(), source
        for file in [path] if path.is_file() else path.rglob("*.py"):
            assert image_context.is_in_context(file.relative_to(deploy_files.ROOT).as_posix(), _IGNORED), file


def test_nothing_is_in_the_context_that_is_not_copied():
    paths = list(_files_in_context())
    assert "serving/server/probe.py" in paths
    assert [path for path in paths if not path.startswith(tuple(_sources()))] == []


@pytest.mark.parametrize(
    "path", [".git/HEAD", ".venv/bin/python", "serving/__pycache__/errors.pyc", "quickstart/report.json"]
)
def test_what_the_image_does_not_need_stays_out_of_the_context(path):
    assert not image_context.is_in_context(path, _IGNORED)


def test_dependencies_are_installed_from_wheels_by_the_constraints_before_the_sources_come():
    steps = deploy_files.stages()[0]
    (position,) = [i for i, (name, rest) in enumerate(steps) if name == "RUN" and "--requirement" in rest]
    command = steps[position][1]
    assert "--constraint constraints.txt" in command
    assert "--requirement server_requirements.txt" in command
    assert "--only-binary=:all:" in command
    before = [source for sources, _ in _copied(steps[:position]) for source in sources]
    assert before == ["constraints.txt", "deploy/server_requirements.txt"]


def test_the_wheel_of_the_tree_brings_no_dependencies_of_its_own():
    (command,) = [rest for name, rest in deploy_files.stages()[0] if name == "RUN" and "pip wheel" in rest]
    wheel, install = command.split("&&")
    assert "pip wheel --no-deps --wheel-dir dist ." in wheel
    assert "install --no-deps dist/*.whl" in install


def test_the_final_stage_installs_nothing_and_has_no_pip():
    runs = [rest for name, rest in deploy_files.stages()[-1] if name == "RUN"]
    assert runs == ["python -m pip uninstall --yes pip setuptools wheel"]
    assert "python -m venv --without-pip /opt/server" in [rest for _, rest in deploy_files.stages()[0]]
    assert "--from=builder /opt/server /opt/server" in [rest for _, rest in deploy_files.stages()[-1]]


def test_modules_are_not_looked_for_in_the_folder_that_the_server_starts_in():
    assert "PYTHONSAFEPATH=1" in deploy_files.last("ENV").split()


@pytest.mark.parametrize("instruction", ["ENTRYPOINT", "CMD"])
def test_no_shell_stands_between_a_signal_and_the_server(instruction):
    words = json.loads(deploy_files.last(instruction))
    assert all(isinstance(word, str) for word in words)
    assert not {"sh", "bash", "-c"} & set(words)


def test_the_image_starts_the_server_and_stops_it_with_the_signal_it_waits_for():
    assert json.loads(deploy_files.last("ENTRYPOINT")) == ["python", "-m", "serving.server"]
    assert deploy_files.last("STOPSIGNAL") == "SIGTERM"


def test_health_is_asked_by_the_probe_of_this_repository_within_its_timeout():
    options, _, command = deploy_files.last("HEALTHCHECK").partition("CMD ")
    assert json.loads(command) == ["python", "-m", "serving.server.probe", "--port=8500"]
    (timeout,) = re.findall(r"--timeout=(\d+)s", options)
    # The probe's own --timeout_seconds is 2.
    assert int(timeout) > 2


def test_the_tag_that_the_files_name_is_the_version_of_the_package():
    tag = f"tfrs-model-server:{tfrs_model.__version__}"
    assert tag in deploy_files.text("Dockerfile")
    assert deploy_files.services()["server"]["image"] == tag
    (image,) = deploy_files.kustomization()["images"]
    assert f"{image['name']}:{image['newTag']}" == tag


def test_the_files_that_the_arguments_name_are_in_the_image():
    (path,) = [word.partition("=")[2] for word in json.loads(deploy_files.last("CMD")) if "/etc/" in word]
    assert (["deploy/config/monitoring.config"], path) in list(_copied(deploy_files.stages()[-1]))
