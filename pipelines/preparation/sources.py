"""Source files: found by name or glob, checked before any row is read, and identified by their bytes."""

import dataclasses
import glob
import hashlib
import pathlib
from collections.abc import Collection

import ibis.expr.types as ir

from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import csv_files, parquet_files

_CHUNK_BYTES = 1 << 20

PARQUET, CSV, JSON_LINES, TFRECORD = "Parquet", "CSV", "JSON lines", "TFRecord"
_FORMAT_OF_SUFFIX = {
    ".parquet": PARQUET,
    ".csv": CSV,
    **dict.fromkeys((".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz"), JSON_LINES),
    **dict.fromkeys((".tfrecord", ".tfrecords", ".tfrecord.gz", ".tfrecords.gz"), TFRECORD),
}


@dataclasses.dataclass(frozen=True)
class Source:
    """The files behind one flag, all of one format and with the same columns, as far as they are read.

    Attributes:
      role: `interactions`, `candidates` or `queries`, the flag's name.
      paths: the files, sorted.
      format: `PARQUET`, `CSV`, `JSON_LINES` or `TFRECORD`.
      columns: names, in the first file's order; empty where only reading the rows tells, before `conversion`.
      delimiter: between CSV fields.
      converted: Parquet files with the same content, of formats that the engine does not read.
      read: of Parquet files, the columns that are opened, which they have alike; `None` for all.
    """

    role: str
    paths: tuple[pathlib.Path, ...]
    format: str
    columns: tuple[str, ...]
    delimiter: str = ","
    converted: tuple[pathlib.Path, ...] = ()
    read: frozenset[str] | None = None

    def open(self, engine: Engine) -> ir.Table:
        """Returns the files as one table; CSV columns are all strings, so no id is guessed into a number.

        Raises:
          PreparationError: if the files hold no rows.
        """
        if self.format == CSV:
            table = engine.read_csv(self.paths, self.columns, self.delimiter, self.role)
        else:
            table = engine.read_parquet(self.converted or self.paths, self.read)
        if not engine.rows(table.limit(1).count().name("rows").as_table())[0]["rows"]:
            raise PreparationError(f"--{self.role}={self.paths[0]} has columns but no rows; give a file with rows.")
        return table

    def require_columns(self, needed: dict[str, str]) -> None:
        """Checks that columns exist.

        Args:
          needed: what each column is for, keyed by column name.

        Raises:
          PreparationError: naming the first that is missing, and what there is.
        """
        for column, purpose in needed.items():
            if column not in self.columns:
                raise PreparationError(
                    f"--{self.role}={self.paths[0]} has no column {column!r} ({purpose}); "
                    f"its columns are {', '.join(self.columns)}. Name the right one in the schema or by flag."
                )


def find_source(role: str, pattern: str, delimiter: str = ",", read: Collection[str] | None = None) -> Source:
    """Finds the files of a flag and reads their column names.

    Args:
      role: the flag's name.
      pattern: a path, a glob, or several with commas between; a file that several match is read once.
      delimiter: between CSV fields.
      read: columns that all Parquet files need alike, as a log gains, loses and changes others in time, which are not
        opened; `None` for all.

    Raises:
      PreparationError: if a part matches nothing, formats are mixed or unknown, a file
        is empty or no Parquet, or the files differ in columns or their kinds.
    """
    paths = _matching(role, pattern)
    file_format = _format_of(role, paths)
    if file_format in (JSON_LINES, TFRECORD):
        return Source(role, paths, file_format, ())
    is_csv = file_format == CSV
    if is_csv:
        columns = [csv_files.columns(role, path, delimiter) for path in paths]
    else:
        types = {path: parquet_files.columns(role, path) for path in paths}
        columns = [list(each) for each in types.values()]
    for path, names in zip(paths, columns, strict=True):
        require_distinct(role, path, names)
        differing = set(names) ^ set(columns[0])
        if not is_csv and read is not None:
            differing &= set(read)
        if differing or (is_csv and names != columns[0]):
            raise PreparationError(
                f"--{role}: {path} has columns {', '.join(names)}, but {paths[0]} has {', '.join(columns[0])}; "
                "all files of one flag need the same columns."
            )
    if not is_csv:
        parquet_files.require_same_kinds(role, types, read)
    opened = None if is_csv or read is None else frozenset(read)
    return Source(role, paths, file_format, tuple(columns[0]), delimiter, read=opened)


def identify(source: Source) -> list[dict[str, object]]:
    """Returns role, path, SHA-256 and size of each file, after checking that CSV files are UTF-8.

    Raises:
      PreparationError: naming the line and byte that are not UTF-8.
    """
    return [{"role": source.role, **_read_through(source, path)} for path in source.paths]


def require_distinct(role: str, path: pathlib.Path, names: list[str]) -> None:
    """Checks that every column has a name of its own.

    Raises:
      PreparationError: naming those that differ in case only, or not at all.
    """
    lowered = [name.lower() for name in names]
    repeated = [name for name in names if lowered.count(name.lower()) > 1]
    if repeated or "" in names or not names:
        what = f"names {', '.join(map(repr, repeated))} twice" if repeated else "has a column without a name"
        raise PreparationError(f"--{role}={path} {what}; column names must be non-empty and differ in more than case.")


def _matching(role: str, pattern: str) -> tuple[pathlib.Path, ...]:
    if pathlib.Path(pattern).is_file():
        return (pathlib.Path(pattern),)  # Also a file whose name looks like a glob or a list.
    found: set[pathlib.Path] = set()
    for part in (each.strip() for each in pattern.split(",")):
        matches = [pathlib.Path(part)] if pathlib.Path(part).is_file() else glob.glob(part, recursive=True)
        if not matches:
            of_list = f" (part of --{role}={pattern})" if part != pattern else ""
            raise PreparationError(f"--{role}={part}{of_list} matches no file; correct the path or the pattern.")
        found.update(map(pathlib.Path, matches))
    return tuple(sorted(found))


def _read_through(source: Source, path: pathlib.Path) -> dict[str, object]:
    digest, size, check = hashlib.sha256(), 0, csv_files.Utf8Check(source.role, path)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if source.format == CSV:
                check.add(chunk)
    check.end()
    return {"path": str(path), "sha256": digest.hexdigest(), "bytes": size}


def _format_of(role: str, paths: tuple[pathlib.Path, ...]) -> str:
    formats: dict[str, pathlib.Path] = {}
    for path in paths:
        if path.is_dir():
            raise PreparationError(f"--{role}={path} is a directory; give a file, or a glob such as {path}/*.parquet.")
        suffix = _suffix(path)
        if suffix not in _FORMAT_OF_SUFFIX:
            raise PreparationError(
                f"--{role}={path} must end in one of {', '.join(_FORMAT_OF_SUFFIX)}; convert it, or rename it."
            )
        if path.stat().st_size == 0:
            raise PreparationError(f"--{role}={path} is empty (0 bytes); give a file with rows.")
        formats.setdefault(_FORMAT_OF_SUFFIX[suffix], path)
    if len(formats) > 1:
        both = " and ".join(f"{each} ({path})" for each, path in formats.items())
        raise PreparationError(f"--{role} matches both {both}; narrow the pattern to one format.")
    return next(iter(formats))


def _suffix(path: pathlib.Path) -> str:
    last = path.suffix.lower()
    return pathlib.Path(path.stem).suffix.lower() + last if last == ".gz" else last
