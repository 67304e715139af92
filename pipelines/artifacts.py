"""Where every file of the line lives, and how a file is written whole or not at all.

This module owns the path strings; `publishing` does for directories what is done for files here.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import uuid
from typing import Any

# Of a prepared directory: what is written there and how it is named.
PREPARED_FORMAT_VERSION = 2
SPLITS = ("train", "validation", "test")
# What a context feature's columns are named after in the interactions.
CONTEXT_PREFIX = "context."

_CHUNK_BYTES = 1 << 20
_TEMPORARY = re.compile(r"\..+\.tmp-[0-9a-f]{32}")


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

    @property
    def days(self) -> pathlib.Path:
        """Directory of one folder a day, if the log was also to be written day by day."""
        return self.directory / "days"

    def day(self, date: str) -> pathlib.Path:
        """Returns the Parquet file of a day's interactions, sorted by time; `date` is YYYY-MM-DD in UTC."""
        return self.days / f"date={date}" / "interactions.parquet"

    def vocabulary(self, name: str) -> pathlib.Path:
        """Returns the Parquet file of vocabulary `name`, such as `query_id` or `candidate.genres`."""
        return self.vocabularies / f"{name}.parquet"


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


def sweep(directory: str | os.PathLike[str]) -> None:
    """Removes, in a directory and all folders in it, what a process that was killed while it wrote a file has left.

    Nothing else may write there meanwhile: what is being written cannot be told from what was left.

    Args:
      directory: of one run at a time, see `directory_lock`.
    """
    for path in pathlib.Path(directory).rglob(".*.tmp-*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink()


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


def sha256_of_json(value: Any) -> str:
    """Returns the SHA-256 of a value as canonical JSON, as 64 hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with pathlib.Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
