"""How a directory is published: built beside its final place and renamed, so that a reader never sees half of one."""

import contextlib
import ctypes
import dataclasses
import errno
import glob
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

from pipelines import artifacts, directory_lock

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
def resume_directory(
    path: str | os.PathLike[str], key: str, keeps: tuple[type[BaseException], ...] = ()
) -> Iterator[Unfinished]:
    """Yields what an interrupted run of this key left, or two empty directories; `content` becomes `path` at the end.

    A run that is killed, interrupted by Ctrl-C or stopped by a full disk leaves its work to
    the next of the same key; one that fails by bad input (`ValueError`) removes it, and work
    of other keys is swept. The block must know by itself what in the directories is whole.

    Args:
      path: final place; parents are made, an existing directory is replaced.
      key: hexadecimal digits that differ whenever anything differs that shapes the content.
      keeps: kinds of `ValueError` after which the work stays all the same.

    Yields:
      Where to write, on the same file system as `path`.

    Raises:
      ArtifactError: if `path` exists and is not a directory, or another run with this key is alive.
    """
    path = _real(path)
    building = _unfinished(path, key)
    sweep(path, key)
    with contextlib.ExitStack() as stack:
        try:
            building.mkdir(exist_ok=True)
            stack.enter_context(directory_lock.lock(building))
        except (BlockingIOError, FileNotFoundError) as error:
            raise artifacts.ArtifactError(
                f"Another run is making {path} from the same sources; wait for it, or choose another directory."
            ) from error
        unfinished = Unfinished(building / "content", building / "work")
        unfinished.content.mkdir(exist_ok=True)
        unfinished.work.mkdir(exist_ok=True)
        for half_written in unfinished.content.rglob(".*.tmp-*"):
            half_written.unlink()
        try:
            yield unfinished
        except ValueError as error:
            if not isinstance(error, keeps):
                _remove(building)
            raise
        flush_tree(unfinished.content)
        _publish_once(building, path)


def sweep(path: str | os.PathLike[str], key: str | None = None) -> None:
    """Makes the folder that `path` stands in, and removes what killed runs left there, but for work of this key.

    Raises:
      ArtifactError: if `path` exists and is not a directory.
    """
    path = _real(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _put_back(path)
    name = glob.escape(path.name)
    for leftover in [*path.parent.glob(f".{name}.tmp-*"), *path.parent.glob(f".{name}.part-*")]:
        if leftover.is_dir() and (key is None or leftover != _unfinished(path, key)):
            # Locked by a live run, or swept by another at this moment.
            with contextlib.suppress(BlockingIOError, FileNotFoundError), directory_lock.lock(leftover):
                _remove(leftover)
    if path.exists() and not path.is_dir():
        raise artifacts.ArtifactError(
            f"{path} must be a directory, but is a file; move it away or choose another directory."
        )


def _unfinished(path: pathlib.Path, key: str) -> pathlib.Path:
    return path.parent / f".{path.name}.part-{key[:_KEY_DIGITS]}"


def _temporary(path: pathlib.Path) -> pathlib.Path:
    return path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}"


def _publish_once(building: pathlib.Path, path: pathlib.Path) -> None:
    """Publishes the content of work that is no longer to be resumed: it will hold what was published before."""
    done = building.rename(_temporary(path))
    try:
        _swap_in(done / "content", path)
    except OSError:
        # Not after Ctrl-C, which may come when the exchange has been made.
        done.rename(building)
        raise
    shutil.rmtree(done, ignore_errors=True)


def _remove(building: pathlib.Path) -> None:
    """Removes a directory under a name that nobody resumes, so that a kill in the middle leaves no half to go on."""
    base = building.name.removeprefix(".").rsplit(".", 1)[0]
    shutil.rmtree(building.rename(_temporary(building.parent / base)), ignore_errors=True)


def _put_back(path: pathlib.Path) -> None:
    """Puts back a directory caught between two renames."""
    for retired in sorted(path.parent.glob(f".{glob.escape(path.name)}.old-*")):
        if path.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            os.rename(retired, path)


def _real(path: str | os.PathLike[str]) -> pathlib.Path:
    """Follows links, so that a rename happens where the directory really is."""
    return pathlib.Path(os.path.realpath(path))


@contextlib.contextmanager
def _built_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty, locked sibling of `path`, which is removed if the block fails."""
    sweep(path)
    building = _temporary(path)
    building.mkdir()
    with directory_lock.lock(building):
        try:
            yield building
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


def _swap_in(building: pathlib.Path, path: pathlib.Path) -> None:
    """Puts a finished directory in place in one step; what was there takes its old name and is removed."""
    if not path.exists():
        try:
            os.rename(building, path)
            return
        except OSError:
            # Unless another run has published there meanwhile.
            if not path.exists():
                raise
    if _exchange(building, path):
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
    """Forces a file, or a directory with all in it, and its own name to disk, so that a power cut takes none of it."""
    for entry in [path, *path.rglob("*"), path.parent]:
        flush(entry)


def move_directory(path: pathlib.Path, new_path: pathlib.Path) -> None:
    """Renames a directory beside itself, for good: a power cut afterwards does not bring the old name back."""
    os.rename(path, new_path)
    flush(path.parent)


def remove_directory(path: pathlib.Path) -> None:
    """Removes a directory whose name is gone before its first file is; what a kill leaves is swept as leftovers are."""
    retired = _temporary(path)
    move_directory(path, retired)
    shutil.rmtree(retired, ignore_errors=True)


def flush(entry: pathlib.Path) -> None:
    """Forces a file, or the names in a directory, to disk."""
    descriptor = os.open(entry, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
