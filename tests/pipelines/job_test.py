import contextlib
import errno
import signal
import threading

import pytest
from absl import logging

from pipelines import artifacts, directory_lock, job
from tfrs_model import schema


@pytest.mark.parametrize(
    "error", [schema.SchemaError("The rule, and\n  the remedy."), artifacts.ArtifactError("The rule, and the remedy.")]
)
def test_an_expected_error_is_one_line_on_stderr_and_exit_code_1(capsys, error):
    def run():
        raise error

    with pytest.raises(SystemExit) as stop:
        job.run_main(run)
    assert stop.value.code == 1
    assert capsys.readouterr().err == "ERROR: The rule, and the remedy.\n"


def _refused(capsys, run):
    with pytest.raises(SystemExit) as stop:
        job.run_main(run)
    assert stop.value.code == 1
    return capsys.readouterr().err


def test_what_the_operating_system_refuses_is_one_line_with_the_path_and_the_remedy(capsys, tmp_path):
    none, file = tmp_path / "none", tmp_path / "afile"
    file.touch()
    assert _refused(capsys, none.read_text) == (
        f"ERROR: No such file or directory: {none}. Correct the path, or run the job that writes it.\n"
    )
    assert _refused(capsys, file.mkdir) == f"ERROR: File exists: {file}. Name another path, or move it away.\n"
    assert _refused(capsys, (file / "model").mkdir) == (
        f"ERROR: Not a directory: {file}/model. Name another path, or move the file away that stands for a directory.\n"
    )
    assert _refused(capsys, tmp_path.read_text) == (
        f"ERROR: Is a directory: {tmp_path}. Name a file, or move the directory away.\n"
    )
    assert _refused(capsys, lambda: none.rename(file / "b")) == (
        f"ERROR: Not a directory: {none} -> {file}/b. Name another path, or move the file away that stands for a "
        "directory.\n"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/root/x"),
            "Permission denied: /root/x. Name another path, or ask its owner for the permission.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "p/x"),
            "No space left on device: p/x. Free space on that disk, or name a path on another.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "No space left on device. Free space on that disk, or name a path on another.",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", b"/p"),
            "Read-only file system: /p. Name a path on a disk that can be written.",
        ),
        (
            OSError(errno.EADDRINUSE, "Address already in use"),
            "Address already in use. Choose another port, or end the process that uses it.",
        ),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            "Connection refused. Check that the other side runs and can be reached, then try again.",
        ),
        # As libraries raise them: the class says what happened, the text is only the path.
        (
            FileNotFoundError("p/interactions.parquet"),
            "No such file or directory: p/interactions.parquet. Correct the path, or run the job that writes it.",
        ),
        (FileExistsError("afile"), "File exists: afile. Name another path, or move it away."),
        (
            OSError(errno.EIO, "Input/output error", "p\nq"),
            "Input/output error: p q. Check the path, its disk and its permissions, then run the same command again.",
        ),
        (
            OSError("Couldn't deserialize\nthrift."),
            "The operating system or a library gave up: Couldn't deserialize thrift. Check the path, its disk and its "
            "permissions, then run the same command again.",
        ),
        (
            OSError(),
            "The operating system or a library gave up. Check the path, its disk and its permissions, then run "
            "the same command again.",
        ),
    ],
)
def test_every_refusal_says_what_happened_where_and_what_to_do(capsys, error, line):
    def run():
        raise error

    assert _refused(capsys, run) == f"ERROR: {line}\n"


@pytest.mark.parametrize("defect", [ValueError("of a library"), KeyError("of ours")])
def test_a_defect_shows_its_traceback_and_ends_with_code_2(capsys, defect):
    def run():
        raise defect

    with pytest.raises(SystemExit) as stop:
        job.run_main(run)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith(type(defect).__name__)


def test_a_directory_that_another_run_works_in_ends_with_code_75_which_means_later(capsys, tmp_path):
    def run():
        with directory_lock.hold(tmp_path, "work_dir"):
            pytest.fail("two runs worked in one directory")

    with directory_lock.hold(tmp_path, "work_dir"), pytest.raises(SystemExit) as stop:
        job.run_main(run)
    assert stop.value.code == 75
    assert capsys.readouterr().err.startswith("ERROR: Another run is working in ")


def test_a_job_that_names_its_own_exit_code_keeps_it():
    def run():
        raise SystemExit(3)

    with pytest.raises(SystemExit) as stop:
        job.run_main(run)
    assert stop.value.code == 3


def test_an_argument_that_is_no_flag_is_refused_before_the_job_runs(capsys):
    with pytest.raises(SystemExit) as stop:
        job.run_main(lambda: pytest.fail("the job ran"), ["prepare_data", "ratings.csv"])
    assert stop.value.code == 1
    assert "Unexpected argument 'ratings.csv'" in capsys.readouterr().err


def test_an_interrupt_ends_with_code_130_and_without_traceback(capsys):
    def run():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        job.run_main(run)
    assert stop.value.code == 130
    assert capsys.readouterr().err.startswith("ERROR: Interrupted;")


def test_a_stage_logs_its_start_and_its_counts_and_seconds_at_the_end(caplog):
    logging.set_verbosity(logging.INFO)
    with caplog.at_level("INFO"), job.stage("Counting") as counts:
        assert "Counting ..." in caplog.text
        counts["rows"] = 12345
    assert "Counting: done in 0.0 s, rows 12,345" in caplog.text


def test_an_interrupt_that_python_loses_takes_effect_at_the_end_of_the_stage(monkeypatch):
    monkeypatch.setattr(job, "_interrupted", threading.Event())
    with pytest.raises(KeyboardInterrupt), job.stage("Reading"), contextlib.suppress(KeyboardInterrupt):
        job._interrupt(signal.SIGINT, None)


def test_an_interrupt_is_forgotten_when_the_job_has_ended():
    def run():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(SystemExit):
        job.run_main(run)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with job.stage("Reading"):
        pass
