"""Directories that one run at a time works in."""

import contextlib
import errno
import fcntl
import os
import pathlib
from collections.abc import Iterator

from pipelines import artifacts


@contextlib.contextmanager
def lock(directory: pathlib.Path, waits: bool = False) -> Iterator[None]:
    """Marks a directory as in use; the kernel drops the mark when the process dies.

    Args:
      directory: must exist.
      waits: whether to wait until no other process uses it, which is for moments, rather than to be refused.

    Raises:
      BlockingIOError: if another process uses it, or has just put another in its place.
      FileNotFoundError: if it is gone.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        if not os.path.samestat(os.fstat(descriptor), os.stat(directory)):
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(directory))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold(
    directory: pathlib.Path, flag: str, doing: str = "working", error_class: type[Exception] = artifacts.ArtifactError
) -> Iterator[None]:
    """Makes a directory that a job works in, and keeps other runs out of it until the block, or the process, ends.

    Args:
      directory: made if need be.
      flag: that names it, for the message.
      doing: what runs do there, for the message.
      error_class: of the job.

    Raises:
      ArtifactError: if another run works there, or the job's own error.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock(directory))
        except BlockingIOError as error:
            raise error_class(
                f"Another run is {doing} in {directory}; wait until it has ended, or name another --{flag}."
            ) from error
        yield
