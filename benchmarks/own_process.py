"""A measurement in a process of its own, so that its peak of memory is its own."""

import contextlib
import json
import pathlib
import subprocess
import sys
import time

_ROOT = pathlib.Path(__file__).parents[1]


def measure(module: str, *arguments: object) -> dict:
    """Runs `python -m module arguments`; returns the JSON object of its last line, and `process_seconds`.

    What the process writes to stderr is shown.

    Raises:
      CalledProcessError: if it fails.
    """
    started = time.perf_counter()
    command = [sys.executable, "-m", module, *map(str, arguments)]
    answer = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(answer.stdout.splitlines()[-1]), "process_seconds": time.perf_counter() - started}


def peak_bytes() -> int:
    """Returns the peak of this program; `getrusage` would count that of the parent it was forked from."""
    return _peak_bytes_of("self")


def resident_bytes() -> int:
    """Returns what this program holds in memory now."""
    return _bytes_of("self", "VmRSS")


def peak_bytes_of_child(program: str) -> int | None:
    """Returns the peak, so far, of the largest child of this process that runs a program; `None` without any.

    Args:
      program: the name of its file, such as `java`.
    """
    children = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        # A thread may end meanwhile, and its children are then those of another.
        with contextlib.suppress(FileNotFoundError):
            children += (task / "children").read_text().split()
    alike = [child for child in children if pathlib.Path(f"/proc/{child}/exe").resolve().name == program]
    return max(map(_peak_bytes_of, alike), default=None)


def _peak_bytes_of(process: str) -> int:
    return _bytes_of(process, "VmHWM")


def _bytes_of(process: str, key: str) -> int:
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (each for each in lines if each.startswith(key))
    return 1024 * int(line.split()[1])
