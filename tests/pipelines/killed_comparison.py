"""Compares two baselines and dies by SIGKILL in the middle of writes, one after another in one directory, then ends.

python -m tests.pipelines.killed_comparison PREPARED_DIR COMPARISON_DIR PARAMETERS_FILE [FILE_NAME:TIMES ...]

Each run is a fork of a process that has imported everything and started nothing. It dies when half of a file of that
name is written for the TIMES-th time.
"""

import collections
import os
import pathlib
import signal
import sys
from collections.abc import Callable

from pipelines import compare


def _die_in_the_middle_of(name: str, times: int) -> None:
    replace = os.replace
    written: collections.Counter[str] = collections.Counter()

    def watched_replace(temporary: pathlib.Path, path: pathlib.Path) -> None:
        written[pathlib.Path(path).name] += 1
        if written[name] == times:
            os.truncate(temporary, os.stat(temporary).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        replace(temporary, path)

    os.replace = watched_replace


def _in_fork(function: Callable[[], object]) -> int:
    """Returns the status of a child that calls the function."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitpid(child, 0)[1]


def main() -> None:
    prepared_dir, comparison_dir, parameters, *deaths = sys.argv[1:]
    config = compare.CompareConfig(prepared_dir, comparison_dir, ("popularity", parameters), metrics=("recall_at_1",))
    for death in deaths:
        name, times = death.split(":")

        def dying(name: str = name, times: int = int(times)) -> None:
            _die_in_the_middle_of(name, times)
            compare.run(config)

        status = _in_fork(dying)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"{death} was not where the comparison died, but ended with {status}")
    sys.exit(_in_fork(lambda: compare.run(config)))


if __name__ == "__main__":
    main()
