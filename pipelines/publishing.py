"""How a directory is published: built beside its final place and renamed, so that a reader never sees half of one."""

import contextlib
import ctypes
import dataclasses
import errno
import fcntl
import glob
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

from pipelines import artifacts

# Of renameat2, Linux 3.15 and later.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_EXCHANGE_IS_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.EPERM)
_KEY_DIGITS = 16


@contextlib.contextmanager
def replace_directory(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields an empty sibling directory that becomes `path` when the block ends well.

    Any exception, KeyboardInterrupt included, removes the sibling and leaves
    what was at `path` untouched. What a killed run left behind is swept at the
    next entry; the sibling of a run that is still alive is locked and stays.

    Args:
      path: final place; parents are made, an existing directory is replaced.

    Yields:
      The directory to write into, on the same file system as `path`.

    Raises:
      ArtifactError: if `path` exists and is not a directory.
    """
    path = _real(path)
    with _built_beside(path) as building:
        yield building
        flush_tree(building)
        _swap_in(building, path)


@contextlib.contextmanager
def new_directory(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields an empty sibling directory that becomes `path` when the block ends well, if nothing is there by then.

    As `replace_directory`, but what another run published meanwhile stays.

    Raises:
      ArtifactError: if `path` exists.
    """
    path = _real(path)
    with _built_beside(path) as building:
        yield building
        flush_tree(building)
        try:
            # A rename onto a directory that holds anything fails, so of two runs only one can win.
            os.rename(building, path)
        except OSError as error:
            if not path.exists():
                raise
            raise artifacts.ArtifactError(
                f"{path} was published by another run meanwhile and stays as it is; run the same command again."
            ) from error


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A directory in the making that outlives the run that makes it.

    Attributes:
      content: what will be published.
      work: whatever else the making needs; removed when the content is published.
    """

    content: pathlib.Path
    work: pathlib.Path


@contextlib.contextmanager
def resume_directory(path: str | os.PathLike[str], key: str) -> Iterator[Unfinished]:
    """Yields what an interrupted run of this key left, or two empty directories; `content` becomes `path` at the end.

    A run that is killed, interrupted by Ctrl-C or stopped by a full disk leaves its work to
    the next of the same key; one that fails by bad input (`ValueError`) removes it, and work
    of other keys is swept. The block must know by itself what in the directories is whole.

    Args:
      path: final place; parents are made, an existing directory is replaced.
      key: hexadecimal digits that differ whenever anything differs that shapes the content.

    Yields:
      Where to write, on the same file system as `path`.

    Raises:
      ArtifactError: if `path` exists and is not a directory, or another run with this key is alive.
    """
    path = _real(path)
    building = path.parent / f".{path.name}.part-{key[:_KEY_DIGITS]}"
    _make_parent(path, keep=building)
    building.mkdir(exist_ok=True)
    try:
        with _lock(building):
            unfinished = Unfinished(building / "content", building / "work")
            unfinished.content.mkdir(exist_ok=True)
            unfinished.work.mkdir(exist_ok=True)
            for half_written in unfinished.content.rglob(".*.tmp-*"):
                half_written.unlink()
            try:
                yield unfinished
            except ValueError:
                shutil.rmtree(building, ignore_errors=True)
                raise
            flush_tree(unfinished.content)
            # No longer to be resumed: after the exchange it holds what was published before.
            done = building.rename(path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}")
            _swap_in(done / unfinished.content.name, path)
            shutil.rmtree(done, ignore_errors=True)
    except BlockingIOError as error:
        raise artifacts.ArtifactError(
            f"Another run is making {path} from the same sources; wait for it, or choose another directory."
        ) from error


def _real(path: str | os.PathLike[str]) -> pathlib.Path:
    """Follows links, so that a rename happens where the directory really is."""
    return pathlib.Path(os.path.realpath(path))


@contextlib.contextmanager
def _built_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty, locked sibling of `path`, which is removed if the block fails."""
    _make_parent(path)
    building = path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}"
    building.mkdir()
    with _lock(building):
        try:
            yield building
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


def _make_parent(path: pathlib.Path, keep: pathlib.Path | None = None) -> None:
    """Makes the folder that `path` will stand in, and sweeps what killed runs left there but for `keep`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path, keep)
    if path.exists() and not path.is_dir():
        raise artifacts.ArtifactError(
            f"{path} must be a directory, but is a file; move it away or choose another directory."
        )


@contextlib.contextmanager
def _lock(directory: pathlib.Path) -> Iterator[None]:
    """Marks a directory as in use; the kernel drops the mark when the process dies."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sweep(path: pathlib.Path, keep: pathlib.Path | None) -> None:
    """Removes what killed runs left, after putting back a directory caught between the two renames."""
    name = glob.escape(path.name)
    for retired in sorted(path.parent.glob(f".{name}.old-*")):
        if path.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            os.rename(retired, path)
    leftovers = [*path.parent.glob(f".{name}.tmp-*"), *path.parent.glob(f".{name}.part-*")]
    for leftover in leftovers:
        if leftover.is_dir() and leftover != keep:
            # Locked by a live run, or swept by another at this moment.
            with contextlib.suppress(BlockingIOError, FileNotFoundError), _lock(leftover):
                shutil.rmtree(leftover, ignore_errors=True)


def _swap_in(building: pathlib.Path, path: pathlib.Path) -> None:
    """Puts a finished directory in place in one step; what was there takes its old name and is removed."""
    if not path.exists():
        os.rename(building, path)
    elif _exchange(building, path):
        shutil.rmtree(building, ignore_errors=True)
    else:
        _swap_in_two_steps(building, path)


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Exchanges two directories' names in one step, so that there always is one; false where that is not to be had."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in _EXCHANGE_IS_UNKNOWN:
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(second))


def _swap_in_two_steps(building: pathlib.Path, path: pathlib.Path) -> None:
    retired = path.parent / f".{path.name}.old-{uuid.uuid4().hex}"
    os.rename(path, retired)
    try:
        os.rename(building, path)
    except BaseException:
        if not path.exists():
            os.rename(retired, path)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def flush_tree(path: pathlib.Path) -> None:
    """Forces a file, or a directory with all in it, to disk, so that a power cut leaves nothing empty that is named."""
    for entry in [path, *path.rglob("*")]:
        descriptor = os.open(entry, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
