"""Parquet: names its own columns, and is read by the engine as it is."""

import pathlib
from collections.abc import Collection

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.preparation.errors import PreparationError


def columns(role: str, path: pathlib.Path) -> dict[str, pa.DataType]:
    """Returns the types of a file's columns by name.

    Raises:
      PreparationError: if the file is no complete Parquet file.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        said = str(error).split("\n")[0].split(". ")[0].rstrip(".")
        raise PreparationError(
            f"--{role}={path} is no complete Parquet file ({said}); write or copy it again."
        ) from error
    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if repeated:
        raise PreparationError(f"--{role}={path} names {', '.join(map(repr, repeated))} twice; give each its own name.")
    return dict(zip(schema.names, schema.types, strict=True))


def require_same_kinds(
    role: str, types: dict[pathlib.Path, dict[str, pa.DataType]], read: Collection[str] | None = None
) -> None:
    """Checks that a column holds the same kind of values in every file.

    Of two kinds an engine makes one, and each engine another: 7 and text "007"
    become text here and the number 7 there. Widths, precisions and zones may
    differ, and a column of nulls or of empty lists alone goes with any.

    Args:
      role: the flag that named the files.
      types: of the columns by name, of each file.
      read: columns that need it; `None` for all.

    Raises:
      PreparationError: naming a column and two files that differ.
    """
    for name, sentence in differing_kinds(types).items():
        if read is None or name in read:
            raise PreparationError(f"--{role}: {sentence}; write all files of one flag with the same types.")


def differing_kinds(types: dict[pathlib.Path, dict[str, pa.DataType]]) -> dict[str, str]:
    """Returns the columns that hold other kinds of values in some files, and of each words that name two of them.

    Args:
      types: of the columns by name, of each file.
    """
    seen: dict[str, tuple[str, pa.DataType, pathlib.Path]] = {}
    found: dict[str, str] = {}
    for path, columns_of_file in types.items():
        for name, dtype in columns_of_file.items():
            if pa.types.is_null(dtype) or (pa.types.is_list(dtype) and pa.types.is_null(dtype.value_type)):
                continue
            kind, first, first_path = seen.setdefault(name, (_kind(dtype), dtype, path))
            if _kind(dtype) != kind:
                found.setdefault(name, f"column {name!r} holds {dtype} in {path}, but {first} in {first_path}")
    return found


def _kind(dtype: pa.DataType) -> str:
    if pa.types.is_dictionary(dtype):
        return _kind(dtype.value_type)
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
        return f"list of {_kind(dtype.value_type)}"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return "text"
    if pa.types.is_timestamp(dtype) or pa.types.is_date(dtype):
        return "moments"
    # What is beyond int64 is a kind of its own, since one engine has no integers for it.
    if (pa.types.is_integer(dtype) and dtype != pa.uint64()) or pa.types.is_floating(dtype):
        return "numbers"
    return str(dtype)
