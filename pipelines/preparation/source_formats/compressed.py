"""Files that may be compressed by gzip, which their names say."""

import contextlib
import gzip
import pathlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.preparation.errors import PreparationError


@contextlib.contextmanager
def opened(role: str, path: pathlib.Path) -> Iterator[BinaryIO]:
    """Yields a file to read its content from.

    Raises:
      PreparationError: if the block reads a compressed file that is damaged or cut.
    """
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        try:
            yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise PreparationError(
                f"--{role}={path} is no complete gzip file ({str(error).rstrip('.')}); write or copy it again."
            ) from error
