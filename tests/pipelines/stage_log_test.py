import contextlib
import json
import re
import sys

import pytest
from absl.testing import flagsaver

from pipelines import artifacts, job, stage_log


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Calls what it is given as the job `train` with a stage log, and returns the log's lines."""
    path = tmp_path / "stages.jsonl"
    monkeypatch.setattr(sys, "argv", ["/somewhere/pipelines/train.py"])

    def run(work):
        with flagsaver.as_parsed(stage_log_path=str(path)), contextlib.suppress(SystemExit):
            job.run_main(work)
        begun, *others = [json.loads(line) for line in path.read_text().splitlines()]
        assert (begun["stage"], begun["outcome"]) == (None, "begun")
        return others

    return run


def test_each_stage_and_then_the_job_is_a_line_with_counts_and_outcome(lines):
    def work():
        with job.stage("Reading") as counts:
            counts.update(rows=1200, share=0.5, path=artifacts.PreparedPaths("p").manifest)
        job.say_kept("Sorting")

    reading, sorting, whole = lines(work)
    assert reading["counts"] == {"rows": 1200, "share": 0.5, "path": "p/manifest.json"}
    assert [line["stage"] for line in (reading, sorting, whole)] == ["Reading", "Sorting", None]
    assert [line["outcome"] for line in (reading, sorting, whole)] == ["done", "kept", "done"]
    assert whole["exit_code"] == 0
    for line in (reading, sorting, whole):
        assert line["job"] == "train"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["started_utc"])
        assert 0.0 <= line["seconds"] < 60.0


@pytest.mark.parametrize(
    ("error", "outcome", "exit_code", "sentence"),
    [
        (artifacts.ArtifactError("Too few\n rows."), "refused", 1, "Too few rows."),
        (KeyError("column"), "failed", 2, "KeyError: 'column'"),
        (KeyboardInterrupt(), "interrupted", 130, "KeyboardInterrupt: "),
    ],
)
def test_a_stage_that_fails_says_how_and_so_does_its_job(lines, error, outcome, exit_code, sentence):
    def work():
        with job.stage("Reading") as counts:
            counts["rows"] = 3
            raise error

    stage, whole = lines(work)
    assert (stage["stage"], stage["outcome"], stage["error"]) == ("Reading", outcome, sentence)
    assert stage["counts"] == {"rows": 3}
    assert (whole["outcome"], whole["exit_code"]) == (outcome, exit_code)


def test_labels_stand_in_the_lines_of_their_block(lines):
    def work():
        with stage_log.labelled(date="2026-11-01"), job.stage("Reading"):
            pass
        with job.stage("Writing"):
            pass

    reading, writing, _ = lines(work)
    assert reading["date"] == "2026-11-01"
    assert "date" not in writing


def test_a_log_that_cannot_be_written_is_refused_before_the_job_runs(tmp_path, capsys):
    with flagsaver.as_parsed(stage_log_path=str(tmp_path / "none" / "stages.jsonl")), pytest.raises(SystemExit) as stop:
        job.run_main(lambda: pytest.fail("the job ran"))
    assert stop.value.code == 1
    assert f"ERROR: No such file or directory: {tmp_path}/none/stages.jsonl." in capsys.readouterr().err


def test_without_the_flag_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with job.stage("Reading"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("/x/pipelines/train.py", "train"),
        ("/venv/bin/tfrs-refresh-index", "refresh_index"),
        ("/x/benchmarks/index/__main__.py", "index"),
    ],
)
def test_a_job_has_one_name_however_it_is_started(monkeypatch, program, name):
    monkeypatch.setattr(sys, "argv", [program])
    assert stage_log.job_name() == name
