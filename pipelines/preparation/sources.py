"""Source files: found by name or glob, checked before any row is read, and identified by their bytes."""

import csv
import dataclasses
import glob
import hashlib
import pathlib

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError

_CHUNK_BYTES = 1 << 20
_FORMATS = (".parquet", ".csv")


@dataclasses.dataclass(frozen=True)
class Source:
    """The files behind one flag, all of one format and with the same columns.

    Attributes:
      role: `interactions`, `candidates` or `queries`, the flag's name.
      paths: the files, sorted.
      is_csv: CSV rather than Parquet.
      columns: names, in the first file's order.
      delimiter: between CSV fields.
    """

    role: str
    paths: tuple[pathlib.Path, ...]
    is_csv: bool
    columns: tuple[str, ...]
    delimiter: str

    def open(self, engine: Engine) -> ir.Table:
        """Returns the files as one table; CSV columns are all strings, so no id is guessed into a number.

        Raises:
          PreparationError: if the files hold no rows.
        """
        if self.is_csv:
            table = engine.read_csv(self.paths, self.columns, self.delimiter, self.role)
        else:
            table = engine.read_parquet(self.paths)
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


def find_source(role: str, pattern: str, delimiter: str = ",") -> Source:
    """Finds the files of a flag and reads their column names.

    Args:
      role: the flag's name.
      pattern: a path or glob of `.parquet` or `.csv` files.
      delimiter: between CSV fields.

    Raises:
      PreparationError: if nothing matches, formats are mixed or unknown, a file
        is empty or no Parquet, or the files differ in columns.
    """
    paths = tuple(sorted(pathlib.Path(match) for match in glob.glob(pattern, recursive=True)))
    if not paths and pathlib.Path(pattern).is_file():
        paths = (pathlib.Path(pattern),)  # A file whose name looks like a glob.
    if not paths:
        raise PreparationError(f"--{role}={pattern} matches no file; correct the path or the pattern.")
    is_csv = _format_of(role, paths) == ".csv"
    columns = [_csv_columns(role, path, delimiter) if is_csv else _parquet_columns(role, path) for path in paths]
    for path, names in zip(paths, columns, strict=True):
        _require_distinct(role, path, names)
        if set(names) != set(columns[0]) or (is_csv and names != columns[0]):
            raise PreparationError(
                f"--{role}: {path} has columns {', '.join(names)}, but {paths[0]} has {', '.join(columns[0])}; "
                "all files of one flag need the same columns."
            )
    return Source(role, paths, is_csv, tuple(columns[0]), delimiter)


def identify(source: Source) -> list[dict[str, object]]:
    """Returns role, path, SHA-256 and size of each file, after checking that CSV files are UTF-8.

    Raises:
      PreparationError: naming the line and byte that are not UTF-8.
    """
    return [{"role": source.role, **_read_through(source, path)} for path in source.paths]


def _read_through(source: Source, path: pathlib.Path) -> dict[str, object]:
    digest, size, line, pending = hashlib.sha256(), 0, 1, b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            if source.is_csv:
                pending = _undecoded_rest(source.role, path, pending + chunk, size - len(pending), line)
                line += chunk.count(b"\n")
            size += len(chunk)
    if pending:
        raise _not_utf8(source.role, path, size - len(pending), line)
    return {"path": str(path), "sha256": digest.hexdigest(), "bytes": size}


def _undecoded_rest(role: str, path: pathlib.Path, text: bytes, offset: int, line: int) -> bytes:
    """Returns the bytes of a character cut by the end of the chunk, usually none."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(text) and len(text) - error.start < 4 and error.reason == "unexpected end of data":
            return text[error.start :]
        raise _not_utf8(role, path, offset + error.start, line + text[: error.start].count(b"\n")) from error
    return b""


def _not_utf8(role: str, path: pathlib.Path, byte: int, line: int) -> PreparationError:
    return PreparationError(
        f"--{role}={path} must be UTF-8, but line {line}, byte {byte} of the file is not; save it as UTF-8."
    )


def _format_of(role: str, paths: tuple[pathlib.Path, ...]) -> str:
    formats = {path.suffix.lower() for path in paths}
    for path in paths:
        if path.is_dir():
            raise PreparationError(f"--{role}={path} is a directory; give a file, or a glob such as {path}/*.parquet.")
        if path.suffix.lower() not in _FORMATS:
            raise PreparationError(f"--{role}={path} must end in .parquet or .csv; convert it, or rename it.")
        if path.stat().st_size == 0:
            raise PreparationError(f"--{role}={path} is empty (0 bytes); give a file with rows.")
    if len(formats) > 1:
        raise PreparationError(f"--{role} matches both .csv and .parquet files; narrow the pattern to one format.")
    return formats.pop()


def _parquet_columns(role: str, path: pathlib.Path) -> list[str]:
    try:
        return pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise PreparationError(
            f"--{role}={path} is no complete Parquet file ({_first_sentence(error)}); write or copy it again."
        ) from error


def _csv_columns(role: str, path: pathlib.Path, delimiter: str) -> list[str]:
    with path.open("rb") as file:
        header = file.readline()
    try:
        text = header.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _not_utf8(role, path, error.start, 1) from error
    return next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])


def _require_distinct(role: str, path: pathlib.Path, names: list[str]) -> None:
    lowered = [name.lower() for name in names]
    repeated = [name for name in names if lowered.count(name.lower()) > 1]
    if repeated or "" in names or not names:
        what = f"names {', '.join(map(repr, repeated))} twice" if repeated else "has a column without a name"
        raise PreparationError(f"--{role}={path} {what}; column names must be non-empty and differ in more than case.")


def _first_sentence(error: BaseException) -> str:
    return str(error).split("\n")[0].split(". ")[0].rstrip(".")
