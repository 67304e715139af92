"""Processes that die by SIGKILL at named places, for drills that begin them again."""

import collections
import os
import pathlib
import signal
import sys
import traceback
from collections.abc import Callable, Sequence


class Death:
    """Dies at one place, when it is passed for the `times`-th time; `None` for nowhere."""

    def __init__(self, place: str | None, times: int):
        self._place = place
        self._times = times
        self._passed: collections.Counter[str] = collections.Counter()

    def at(self, place: str, before_kill: Callable[[], None] = lambda: None) -> None:
        """Passes a place, and dies there if it is the one."""
        self._passed[place] += 1
        if (place, self._passed[place]) == (self._place, self._times):
            before_kill()
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_files(self) -> None:
        """Passes `half of NAME` when half of a file of that name is written, before it gets its name."""
        replace = os.replace

        def watched(written: pathlib.Path, path: pathlib.Path) -> None:
            self.at(f"half of {pathlib.Path(path).name}", lambda: os.truncate(written, os.stat(written).st_size // 2))
            replace(written, path)

        os.replace = watched


def run_through(
    deaths: Sequence[str],
    watch: Callable[[Death], None],
    run: Callable[[], object],
    look: Callable[[str], None] = lambda place: None,
) -> int:
    """Runs something again and again, each time in a fork that dies elsewhere, and then to its end.

    Args:
      deaths: PLACE:TIMES of each.
      watch: has a death pass its places.
      run: what dies.
      look: called after each death with its place, to look at what it left; whatever it raises ends all.

    Returns:
      The exit code of the last fork; negative if a signal ended it.
    """
    for death in deaths:
        die(death, watch, run)
        look(death.rsplit(":", 1)[0])
    return in_fork(run)


def die(death: str, watch: Callable[[Death], None], run: Callable[[], object]) -> None:
    """Runs something in a fork that dies at PLACE:TIMES, and ends this process if it did not."""
    place, times = death.rsplit(":", 1)

    def dying() -> None:
        watch(Death(place, int(times)))
        run()

    code = in_fork(dying)
    if code != -signal.SIGKILL:
        sys.exit(f"{death} was not where it died, but ended with {code}")


def in_fork(function: Callable[[], object]) -> int:
    """Returns the exit code of a child that calls the function; negative if a signal ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
