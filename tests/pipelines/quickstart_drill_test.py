"""The quick start stopped in every stage, by Ctrl-C and by kill -9, and started again."""

import json
import pathlib
import signal
import subprocess
import sys

import pytest

from tests.serving.server.explorer import browser as browser_lib

_ROOT = pathlib.Path(__file__).parents[2]
# Few epochs and short histories: each stop costs what it cuts off.
_OPTIONS = ["--num_epochs=3", "--early_stop_patience=0", "--history_length=20", "--embedding_dim=32"]
_COMMAND = [sys.executable, "-m", "pipelines.quickstart", *_OPTIONS]
# Each is printed when its stage has begun; between two of them a run always gets further than before.
_STOPS = [
    ("Checking the source files ...", signal.SIGKILL),
    ("epoch=1", signal.SIGKILL),
    ("epoch=2", signal.SIGINT),
    ("Embedding the corpus", signal.SIGINT),
    ("Publishing ", signal.SIGKILL),
    ("Evaluating on test ...", signal.SIGKILL),
    ("Evaluating on test ...", signal.SIGINT),
    ("Starting the model server ...", signal.SIGINT),
]


def _run(output_dir: pathlib.Path) -> str:
    done = subprocess.run([*_COMMAND, f"--output_dir={output_dir}"], cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _run_until(output_dir: pathlib.Path, marker: str, how: signal.Signals) -> tuple[int, str]:
    command = [*_COMMAND, f"--output_dir={output_dir}"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        seen = b""
        while marker.encode() not in seen:
            read = process.stderr.read1(4096)
            assert read, f"ended before {marker!r}: {seen[-3000:].decode()}"
            seen += read
        process.send_signal(how)
        rest = process.stderr.read()
        return process.wait(), rest.decode()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Directory of a whole run, and what it printed."""
    output_dir = tmp_path_factory.mktemp("undisturbed")
    return output_dir, _run(output_dir)


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_a_quick_start_stopped_anywhere_ends_as_an_undisturbed_one(undisturbed, tmp_path):
    whole, printed = undisturbed
    stopped, recommended = tmp_path / "stopped", printed.split("Report:")[0]
    for marker, how in _STOPS:
        code, rest = _run_until(stopped, marker, how)
        if how is signal.SIGINT:
            assert code == 130, (marker, code, rest)
            assert "ERROR: Interrupted; what was published before is unchanged." in rest
            assert "Traceback" not in rest
        else:
            assert code == -signal.SIGKILL
    assert _run(stopped).split("Report:")[0] == recommended
    evaluations = [json.loads((each / "evaluation.json").read_text()) for each in (whole, stopped)]
    assert evaluations[0]["model"] == evaluations[1]["model"]
    assert [each.name for each in (stopped / "served" / "movielens").iterdir()] == ["1"]
    leftovers = [path for path in stopped.rglob(".*") if ".tmp-" in path.name or ".old-" in path.name]
    assert leftovers == []


@pytest.mark.drill
def test_a_second_quick_start_reuses_everything(undisturbed):
    output_dir, _ = undisturbed
    before = {path: path.stat().st_mtime_ns for path in output_dir.rglob("*.parquet")}
    _run(output_dir)
    report = json.loads((output_dir / "report.json").read_text())
    reused = {stage["name"]: stage["reused"] for stage in report["stages"]}
    assert {name for name, was_reused in reused.items() if was_reused} >= {
        "prepare",
        "train",
        "correction",
        "evaluate",
        "export",
    }
    assert {path: path.stat().st_mtime_ns for path in output_dir.rglob("*.parquet")} == before
    _require_report_that_opens(output_dir / "report.html")


def _require_report_that_opens(path: pathlib.Path) -> None:
    """Asserts that a browser shows the report from disk and has nothing to complain of."""
    assert path.stat().st_size < 5_000_000
    with browser_lib.running_chromium() as chromium, browser_lib.visiting(chromium) as visit:
        visit.page.goto(path.as_uri())
        headings = visit.page.locator("h2").all_inner_texts()
        assert {"What the logQ correction does", "Embedding map", "Sample queries", "Index and serving"} <= set(
            headings
        )
        assert visit.page.locator(".map circle").count() == 1682
        visit.require_no_sideways_scrolling()
        assert {url for url in visit.requested if not url.startswith("data:")} == {path.as_uri()}
        assert visit.complaints == []
