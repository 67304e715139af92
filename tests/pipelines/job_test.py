import pytest
from absl import logging

from pipelines import artifacts, job
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


def test_what_the_operating_system_refuses_is_one_line_with_the_path(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        job.run_main(lambda: (tmp_path / "none").read_text())
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"ERROR: No such file or directory: {tmp_path / 'none'}.\n"


@pytest.mark.parametrize("defect", [ValueError("of a library"), KeyError("of ours")])
def test_a_defect_keeps_its_traceback(defect):
    def run():
        raise defect

    with pytest.raises(type(defect)):
        job.run_main(run)


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
