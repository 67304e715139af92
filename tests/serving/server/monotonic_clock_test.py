"""No decision of the server looks at the wall clock, which jumps when it is set."""

import ast
import pathlib

from serving import server

_WALL_CLOCK = {"time", "time_ns", "localtime", "gmtime", "ctime", "now", "utcnow", "today", "fromtimestamp"}
_MODULES = {"time", "datetime", "date"}
# They write down when something was, and decide nothing by it.
_CHRONICLERS = {"request_log.py", "request_log_file.py"}


def _wall_clocks(code):
    """Returns the lines that ask a module or class of time for the time of day."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute)
        and node.attr in _WALL_CLOCK
        and getattr(node.value, "id", getattr(node.value, "attr", "")) in _MODULES
    ]


def test_the_server_asks_the_monotonic_clock_only():
    files = sorted(pathlib.Path(server.__file__).parent.glob("*.py"))
    assert len(files) > 50
    assert {path.name for path in files if _wall_clocks(path.read_text("utf-8"))} == _CHRONICLERS


def test_a_wall_clock_is_found():
    code = "import time\nimport datetime\ntime.monotonic()\ntime.time()\ndatetime.datetime.now()\nclock.now()"
    assert _wall_clocks(code) == [4, 5]
