"""Parquet: names its own columns, and is read by the engine as it is."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.preparation.errors import PreparationError


def columns(role: str, path: pathlib.Path) -> list[str]:
    """Returns the names of a file's columns.

    Raises:
      PreparationError: if the file is no complete Parquet file.
    """
    try:
        return pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        said = str(error).split("\n")[0].split(". ")[0].rstrip(".")
        raise PreparationError(
            f"--{role}={path} is no complete Parquet file ({said}); write or copy it again."
        ) from error
