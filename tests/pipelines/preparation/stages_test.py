import pytest

from pipelines.preparation import stages


@pytest.fixture
def work_dir(tmp_path):
    path = tmp_path / "work"
    path.mkdir()
    return path


def _run(work_dir, output, calls, text="abc"):
    def build():
        calls.append(text)
        output.write_text(text)
        return {"counts": {"rows": 3}, "logged": {"rows": 3}}

    return stages.Stages(work_dir).run("log", "Reading", [output], build)


def test_a_finished_stage_is_not_run_again_and_says_what_it_found(work_dir, tmp_path):
    calls = []
    assert _run(work_dir, tmp_path / "log.parquet", calls) == {"counts": {"rows": 3}}
    assert _run(work_dir, tmp_path / "log.parquet", calls) == {"counts": {"rows": 3}}
    assert calls == ["abc"]


def test_a_stage_that_failed_is_run_again(work_dir, tmp_path):
    def fail():
        raise OSError

    with pytest.raises(OSError):
        stages.Stages(work_dir).run("log", "Reading", [tmp_path / "log.parquet"], fail)
    calls = []
    _run(work_dir, tmp_path / "log.parquet", calls)
    assert calls == ["abc"]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("ab")])
def test_a_stage_whose_output_is_not_as_it_was_is_run_again(work_dir, tmp_path, damage):
    calls = []
    output = tmp_path / "log.parquet"
    _run(work_dir, output, calls)
    damage(output)
    _run(work_dir, output, calls)
    assert calls == ["abc", "abc"]
    assert output.read_text() == "abc"
