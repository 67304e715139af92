"""CSV: UTF-8 text with a header; every column is text."""

import csv
import pathlib

from pipelines.preparation.errors import PreparationError


def columns(role: str, path: pathlib.Path, delimiter: str) -> list[str]:
    """Returns the names in a file's header.

    Raises:
      PreparationError: if the header is not UTF-8.
    """
    with path.open("rb") as file:
        header = file.readline()
    try:
        text = header.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise not_utf8(role, path, error.start, 1) from error
    return next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])


class Utf8Check:
    """Checks text that comes in chunks, cut anywhere.

    Args:
      role: the flag that named the file.
      path: the file.
    """

    def __init__(self, role: str, path: pathlib.Path):
        self._role, self._path = role, path
        self._offset, self._line, self._pending = 0, 1, b""

    def add(self, chunk: bytes) -> None:
        """Takes the next bytes.

        Raises:
          PreparationError: naming the line and byte that are not UTF-8.
        """
        text = self._pending + chunk
        self._pending = b""
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.end < len(text) or len(text) - error.start >= 4 or error.reason != "unexpected end of data":
                line = self._line + text[: error.start].count(b"\n")
                raise not_utf8(self._role, self._path, self._offset + error.start, line) from error
            self._pending = text[error.start :]
        self._line += text.count(b"\n")
        self._offset += len(text) - len(self._pending)

    def end(self) -> None:
        """Checks that the text does not end within a character."""
        if self._pending:
            raise not_utf8(self._role, self._path, self._offset, self._line)


def not_utf8(role: str, path: pathlib.Path, byte: int, line: int) -> PreparationError:
    """Returns the error for a byte that is not UTF-8."""
    return PreparationError(
        f"--{role}={path} must be UTF-8, but line {line}, byte {byte} of the file is not; save it as UTF-8."
    )
