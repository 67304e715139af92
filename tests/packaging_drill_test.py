"""The wheel as a user gets it: built from a bare copy of the tree, installed elsewhere, run from an empty folder."""

import concurrent.futures
import configparser
import itertools
import json
import os
import pathlib
import shutil
import site
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.drill

_ROOT = pathlib.Path(__file__).parents[1]


def _run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds where there is neither git metadata nor anything that an earlier build left."""
    folder = tmp_path_factory.mktemp("wheel")
    kept_out = shutil.ignore_patterns(".*", "quickstart", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(_ROOT, folder / "tree", ignore=kept_out)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(folder / "tree")]
    result = _run(command)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Installs the wheel into an environment of its own, which finds the dependencies where they already are.

    Only path entries are shared, not the editable install beside them: its hook
    works from the environment it is installed in alone.
    """
    folder = tmp_path_factory.mktemp("environment")
    assert _run([sys.executable, "-m", "venv", "--without-pip", str(folder)]).returncode == 0
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    python = folder / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--ignore-installed",
        str(wheel),
    ]
    result = _run(command)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def run_in_empty_folder(environment, tmp_path_factory):
    """Returns a function that runs a program of the environment from an empty folder, which it leaves empty."""
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS")}

    def run(name, *arguments, **more_variables):
        folder = tmp_path_factory.mktemp("empty")
        command = [str(environment / "bin" / name), *arguments]
        result = _run(command, cwd=folder, env={**variables, **more_variables})
        assert list(folder.iterdir()) == []
        return result

    return run


# What a script imports takes seconds, so both flags are asked of forks of one process that has imported it and run
# nothing. Written to files, since a pipe holds 64 KiB and the answers of --helpfull are longer.
_ASK_FOR_HELP = """
import os, runpy, sys
script, output_dir = sys.argv[1:]
sys.argv = [script]
runpy.run_path(script, run_name="imported")
for flag in ("--help", "--helpfull"):
    if os.fork() == 0:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(f"{output_dir}/{flag}.{name}", os.O_WRONLY | os.O_CREAT), number)
        sys.argv = [script, flag]
        runpy.run_path(script, run_name="__main__")
        sys.exit(0)
    print(flag, os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.fixture(scope="module")
def help_answers(wheel, environment, run_in_empty_folder, tmp_path_factory):
    """Maps (command, flag) to what the command answers, for --help and --helpfull of each."""

    def ask(name):
        output_dir = tmp_path_factory.mktemp("help")
        result = run_in_empty_folder("python", "-c", _ASK_FOR_HELP, str(environment / "bin" / name), str(output_dir))
        assert result.returncode == 0, f"{name}: {result.stderr[-2000:]}"
        for flag, code in (line.split() for line in result.stdout.splitlines()):
            said = [(output_dir / f"{flag}.{stream}").read_text() for stream in ("stdout", "stderr")]
            yield (name, flag), subprocess.CompletedProcess([name, flag], int(code), *said)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return dict(itertools.chain.from_iterable(pool.map(lambda name: list(ask(name)), _scripts(wheel))))


def _members(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _scripts(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        parser = configparser.ConfigParser()
        parser.optionxform = str
        parser.read_string(archive.read(name).decode())
    return dict(parser["console_scripts"])


def test_the_wheel_holds_every_module_configuration_and_template(wheel):
    expected = {
        path.relative_to(_ROOT).as_posix()
        for package in ("tfrs_model", "serving", "pipelines")
        for path in (_ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "pipelines/configs/movielens_100k.json" in expected
    assert expected <= _members(wheel)


def test_the_wheel_holds_no_tests_and_nothing_else_at_the_top(wheel):
    tops = {name.split("/")[0] for name in _members(wheel)}
    (information,) = [top for top in tops if top.endswith(".dist-info")]
    assert tops == {"tfrs_model", "serving", "pipelines", information}
    assert f"{information}/licenses/LICENSE" in _members(wheel)


def test_every_command_explains_itself_from_an_empty_folder(help_answers):
    assert {name for name, _ in help_answers} == {
        *("tfrs-prepare-data", "tfrs-train", "tfrs-evaluate", "tfrs-export", "tfrs-quickstart", "tfrs-doctor"),
        *("tfrs-simulate-frequency", "tfrs-analyze-similarity", "tfrs-export-embeddings", "tfrs_model_server"),
        *("tfrs-tune", "tfrs-compare", "tfrs-write-report", "tfrs-study-folding", "tfrs-measure-folding"),
        *("tfrs-daily-run", "tfrs-rollback", "tfrs-refresh-index", "tfrs-recommend"),
    }
    assert {flag for _, flag in help_answers} == {"--help", "--helpfull"}
    for call, answer in help_answers.items():
        assert "Traceback" not in answer.stderr, f"{call}: {answer.stderr[-2000:]}"
        # absl ends a --help with code 1.
        assert answer.returncode in (0, 1), call
        assert "\n  --" in answer.stdout, f"{call} printed no flags"


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("tfrs-prepare-data", "prepared_dir"),
        ("tfrs-train", "model_dir"),
        ("tfrs-evaluate", "prepared_dir"),
        ("tfrs-compare", "comparison_dir"),
        ("tfrs-tune", "prepared_dir"),
        ("tfrs-export", "export_dir"),
        ("tfrs-export", "model_dir"),
        ("tfrs-quickstart", "output_dir"),
        ("tfrs-write-report", "output_dir"),
        ("tfrs-study-folding", "output_dir"),
        ("tfrs-measure-folding", "model_dir"),
        ("tfrs-daily-run", "interactions_dir"),
        ("tfrs-rollback", "export_dir"),
        ("tfrs-refresh-index", "candidates"),
        ("tfrs-recommend", "version_dir"),
        ("tfrs_model_server", "model_base_path"),
    ],
)
def test_help_names_the_flags_that_a_command_cannot_do_without(help_answers, name, flag):
    assert f"\n  --{flag}: " in help_answers[name, "--help"].stdout


def test_the_commands_run_the_installed_code_and_not_the_tree(environment, tmp_path):
    code = "import pipelines, serving, tfrs_model; print(*(p.__file__ for p in (pipelines, serving, tfrs_model)))"
    result = _run([str(environment / "bin" / "python"), "-c", code], cwd=tmp_path)
    assert all(path.startswith(str(environment)) for path in result.stdout.split())
    assert len(result.stdout.split()) == 3


def test_the_doctor_finds_the_pinned_environment_sound(run_in_empty_folder):
    result = run_in_empty_folder("tfrs-doctor", "--doctor_format=json")
    report = json.loads(result.stdout)
    assert [check for check in report["checks"] if not check["ok"]] == []
    assert (result.returncode, report["ok"]) == (0, True)


def test_the_doctor_explains_an_environment_that_asks_for_keras_3(run_in_empty_folder):
    result = run_in_empty_folder("tfrs-doctor", "--doctor_format=json", TF_USE_LEGACY_KERAS="0")
    failed = {check["name"] for check in json.loads(result.stdout)["checks"] if not check["ok"]}
    assert failed == {"TF_USE_LEGACY_KERAS", "tf.keras is Keras 2", "import tensorflow_recommenders"}
    assert result.returncode == 1


def test_the_other_commands_refuse_it_with_the_remedy(run_in_empty_folder):
    result = run_in_empty_folder("tfrs-train", "--help", TF_USE_LEGACY_KERAS="0")
    assert "Set TF_USE_LEGACY_KERAS=1, or unset it before Python starts." in result.stderr
    assert result.returncode == 1
