"""Who writes in a scratch directory: one run, and for a moment after it was killed the Java process that it started."""

import contextlib
import fcntl
import os
import pathlib
import time
from collections.abc import Iterator

from pipelines.preparation.errors import EngineStoppedError

# Spark's Java process notices at once that its parent is gone, and takes seconds to close.
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def hold(scratch_dir: pathlib.Path, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[int]:
    """Waits until no process of an earlier run holds a directory, and holds it.

    A process that inherits the descriptor holds the directory too if this one
    is killed in the block, so that what it still writes meets no other run.

    Args:
      scratch_dir: an existing directory.
      patience_seconds: how long to wait.

    Yields:
      The descriptor; no process holds the directory by it once the block ends.

    Raises:
      EngineStoppedError: if the directory is held for longer.
    """
    descriptor = os.open(scratch_dir, os.O_RDONLY)
    try:
        _lock(descriptor, scratch_dir, time.monotonic() + patience_seconds)
        yield descriptor
    finally:
        # For every process that inherited the descriptor; to close it is for this one alone.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(descriptor: int, scratch_dir: pathlib.Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise EngineStoppedError(
                    f"The Java process of a run that was killed still holds {scratch_dir}; wait until it has ended, or "
                    "end it (its command line names that directory), and run the same command again."
                ) from error
        time.sleep(_POLL_SECONDS)
