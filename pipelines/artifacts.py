"""Where every file of the line lives, and how a file or directory is published whole or not at all.

This module owns the path strings. A reader never sees half an artefact: a
directory is built beside its final place and renamed, a JSON file likewise.
"""

import contextlib
import dataclasses
import fcntl
import glob
import hashlib
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

_CHUNK_BYTES = 1 << 20


class ArtifactError(ValueError):
    """A file of the line is missing or unreadable; the message names it and the remedy."""


@dataclasses.dataclass(frozen=True)
class PreparedPaths:
    """Paths inside a prepared data directory.

    Attributes:
      directory: the directory that `pipelines.prepare_data` publishes.
    """

    directory: pathlib.Path

    def __init__(self, directory: str | os.PathLike[str]):
        object.__setattr__(self, "directory", pathlib.Path(directory))

    @property
    def manifest(self) -> pathlib.Path:
        """JSON: schema, counts, drops, statistics, sources, hashes of the files."""
        return self.directory / "manifest.json"

    @property
    def interactions(self) -> pathlib.Path:
        """Parquet: one row per interaction, sorted by query and time."""
        return self.directory / "interactions.parquet"

    @property
    def candidates(self) -> pathlib.Path:
        """Parquet: the corpus, one row per candidate with its features."""
        return self.directory / "candidates.parquet"

    @property
    def queries(self) -> pathlib.Path:
        """Parquet: one row per query with its features."""
        return self.directory / "queries.parquet"

    @property
    def vocabularies(self) -> pathlib.Path:
        """Directory of one Parquet file per vocabulary."""
        return self.directory / "vocabularies"

    def vocabulary(self, name: str) -> pathlib.Path:
        """Returns the Parquet file of vocabulary `name`, such as `query_id` or `candidate.genres`."""
        return self.vocabularies / f"{name}.parquet"


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
        _flush_tree(building)
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
        _flush_tree(building)
        try:
            # A rename onto a directory that holds anything fails, so of two runs only one can win.
            os.rename(building, path)
        except OSError as error:
            if not path.exists():
                raise
            raise ArtifactError(
                f"{path} was published by another run meanwhile and stays as it is; run the same command again."
            ) from error


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON, keeping key order; a reader sees the old or the new file.

    Args:
      path: file to write; its directory must exist.
      value: what `json` can write; NaN and infinities are refused, since other JSON readers refuse them.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes UTF-8 text; a reader sees the old or the new file, never half of one.

    Args:
      path: file to write; its directory must exist.
      text: the whole content.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes a file; a reader sees the old or the new one, never half of one.

    Args:
      path: file to write; its directory must exist.
      content: all of it.
    """
    path = pathlib.Path(path)
    temporary = path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}"
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: str | os.PathLike[str]) -> Any:
    """Returns the parsed JSON file.

    Raises:
      ArtifactError: if the file is missing or is not JSON; the line is named.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist; run the job that writes it, or correct the path.") from error
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path} must be UTF-8, but byte {error.start} is not; write it again.") from error
    except json.JSONDecodeError as error:
        raise ArtifactError(f"{path} is not JSON: line {error.lineno}: {error.msg}; write it again.") from error


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with pathlib.Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _real(path: str | os.PathLike[str]) -> pathlib.Path:
    """Follows links, so that a rename happens where the directory really is."""
    return pathlib.Path(os.path.realpath(path))


@contextlib.contextmanager
def _built_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty, locked sibling of `path`, which is removed if the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    if path.exists() and not path.is_dir():
        raise ArtifactError(f"{path} must be a directory, but is a file; move it away or choose another directory.")
    building = path.parent / f".{path.name}.tmp-{uuid.uuid4().hex}"
    building.mkdir()
    with _lock(building):
        try:
            yield building
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


@contextlib.contextmanager
def _lock(directory: pathlib.Path) -> Iterator[None]:
    """Marks a directory as in use; the kernel drops the mark when the process dies."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sweep(path: pathlib.Path) -> None:
    """Removes what killed runs left, after putting back a directory caught between the two renames."""
    name = glob.escape(path.name)
    for retired in sorted(path.parent.glob(f".{name}.old-*")):
        if path.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            os.rename(retired, path)
    for leftover in path.parent.glob(f".{name}.tmp-*"):
        if leftover.is_dir():
            # Locked by a live run, or swept by another at this moment.
            with contextlib.suppress(BlockingIOError, FileNotFoundError), _lock(leftover):
                shutil.rmtree(leftover, ignore_errors=True)


def _swap_in(building: pathlib.Path, path: pathlib.Path) -> None:
    if not path.exists():
        os.rename(building, path)
        return
    retired = path.parent / f".{path.name}.old-{uuid.uuid4().hex}"
    os.rename(path, retired)
    try:
        os.rename(building, path)
    except BaseException:
        if not path.exists():
            os.rename(retired, path)
        raise
    shutil.rmtree(retired, ignore_errors=True)


def _flush_tree(directory: pathlib.Path) -> None:
    """Forces contents to disk, so that a power cut after the rename cannot leave empty files."""
    for entry in [directory, *directory.rglob("*")]:
        descriptor = os.open(entry, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
