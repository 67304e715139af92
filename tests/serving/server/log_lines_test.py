"""The server's log lines, as a process of its own writes them."""

import datetime
import json
import subprocess
import sys

_PROGRAM = """
from absl import logging
logging.use_absl_handler()
logging.set_verbosity(logging.INFO)
from serving.server import log_lines, request_ids
log_lines.use({log_format!r})
logging.info("Loaded %s", "shop")
request_ids.CURRENT.set(request_ids.RequestId(lambda: "abc"))
log_lines.write(logging.WARNING, "Predict failed", {{"model": "shop", "milliseconds": 1.5}})
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("A\\ndefect")
"""


def _lines(log_format):
    program = [sys.executable, "-c", _PROGRAM.format(log_format=log_format)]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stderr.splitlines()


def test_json_has_an_object_in_each_line():
    loaded, failed, defect = (json.loads(line) for line in _lines("json") if line.startswith("{"))
    moment = datetime.datetime.fromisoformat(loaded.pop("time"))
    assert abs(datetime.datetime.now(datetime.UTC) - moment) < datetime.timedelta(minutes=5)
    assert loaded.pop("place").startswith("<string>:")
    assert loaded == {"message": "Loaded shop", "severity": "INFO", "thread": "MainThread"}
    assert (failed["request_id"], failed["severity"], failed["model"], failed["milliseconds"]) == (
        *("abc", "WARNING", "shop"),
        1.5,
    )
    assert defect["message"] == "A\ndefect"
    assert defect["exception"].endswith("ZeroDivisionError: division by zero")


def test_text_names_the_request_in_the_first_line_of_an_entry():
    lines = _lines("text")
    assert [line.partition("] ")[2] for line in lines if "log_lines.py" in line or "<string>:7]" in line] == [
        "Loaded shop",
        "Predict failed [request abc]",
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"
