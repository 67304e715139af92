"""JSON lines: one object a line; a key is a column, of one type in all lines of all files.

Read in blocks of whole lines by Arrow, twice: once to find the types, once to
write them. Numbers without a point or exponent are integers, text is text
even if it looks like a date, null and an absent key are missing.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import compressed, json_faults

_BLOCK_BYTES = 16 << 20
_LONGEST_LINE_BYTES = 256 << 20


@dataclasses.dataclass(frozen=True)
class _Block:
    """Whole lines of a file, and the number of the first."""

    role: str
    path: pathlib.Path
    text: bytes
    first_line: int


def convert(
    role: str, paths: Sequence[pathlib.Path], targets: Sequence[pathlib.Path], advance: Callable[[int], None]
) -> pa.Schema:
    """Writes each file as Parquet, all with the same columns.

    Args:
      role: the flag that named the files.
      paths: the files, by their names plain or compressed by gzip.
      targets: as many files to write.
      advance: told how many bytes of text were read, twice in all.

    Returns:
      The columns, in the order in which they first come.

    Raises:
      PreparationError: naming file and line of what is no JSON object, is not UTF-8 or changes type.
    """
    found: dict[str, pa.DataType] = {}
    for path in paths:
        for block in _blocks(role, path, advance):
            _check_utf8(block)
            for field in _parse(block, None, found).schema:
                merged = _merged(found.get(field.name), _as_text(field.type))
                if merged is None:
                    raise _type_changes(block, found)
                found[field.name] = merged
    schema = pa.schema([(name, _known(dtype)) for name, dtype in found.items()])
    for path, target in zip(paths, targets, strict=True):
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for block in _blocks(role, path, advance):
                writer.write_table(_parse(block, schema, found).select(schema.names).cast(schema))
    return schema


def _blocks(role: str, path: pathlib.Path, advance: Callable[[int], None]) -> Iterator[_Block]:
    line, rest = 1, b""
    with compressed.opened(role, path) as file:
        while chunk := file.read(_BLOCK_BYTES):
            advance(len(chunk))
            text = (rest + chunk) if rest or line > 1 else chunk.removeprefix(b"\xef\xbb\xbf")
            end = text.rfind(b"\n") + 1
            if end == 0 and len(text) > _LONGEST_LINE_BYTES:
                raise PreparationError(
                    f"--{role}={path}: line {line:,} is longer than {_LONGEST_LINE_BYTES:,} bytes; JSON lines hold one "
                    "object a line."
                )
            rest = text[end:]
            if text[:end].strip():
                yield _Block(role, path, text[:end], line)
            line += text.count(b"\n", 0, end)
    if rest.strip():
        yield _Block(role, path, rest, line)


def _check_utf8(block: _Block) -> None:
    try:
        block.text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = block.first_line + block.text[: error.start].count(b"\n")
        start = block.text.rfind(b"\n", 0, error.start) + 1
        raise PreparationError(
            f"--{block.role}={block.path} must be UTF-8, but line {line:,}, byte {error.start - start} of the line is "
            "not; save it as UTF-8."
        ) from error


def _parse(block: _Block, schema: pa.Schema | None, found: dict[str, pa.DataType]) -> pa.Table:
    options = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error" if schema else "infer")
    # One block, so that its types are found over all of it.
    read = pa_json.ReadOptions(use_threads=False, block_size=len(block.text) + 1)
    try:
        return pa_json.read_json(pa.BufferReader(block.text), read_options=read, parse_options=options)
    except pa.ArrowInvalid as error:
        fault = json_faults.first_fault(block.text, {name: _family(dtype) for name, dtype in found.items()})
        raise _line_error(block, fault or (0, f"cannot be read ({error})")) from error


def _type_changes(block: _Block, found: dict[str, pa.DataType]) -> PreparationError:
    fault = json_faults.first_fault(block.text, {name: _family(dtype) for name, dtype in found.items()})
    return _line_error(block, fault or (0, "begins lines that hold another type than those before"))


def _line_error(block: _Block, fault: tuple[int, str]) -> PreparationError:
    index, complaint = fault
    return PreparationError(
        f"--{block.role}={block.path}: line {block.first_line + index:,} {complaint}; mend that line."
    )


def _as_text(dtype: pa.DataType) -> pa.DataType:
    """Returns the type with text for what Arrow took for a moment."""
    return _with_text_for(pa.types.is_timestamp, dtype)


def _with_text_for(is_text: Callable[[pa.DataType], bool], dtype: pa.DataType) -> pa.DataType:
    """Returns the type with text in place of some types, wherever they stand in it."""
    if is_text(dtype):
        return pa.string()
    if pa.types.is_list(dtype):
        return pa.list_(_with_text_for(is_text, dtype.value_type))
    if pa.types.is_struct(dtype):
        return pa.struct([(field.name, _with_text_for(is_text, field.type)) for field in dtype])
    return dtype


def _merged(one: pa.DataType | None, other: pa.DataType) -> pa.DataType | None:
    """Returns the type that holds both, or `None` if there is none."""
    if one is None or pa.types.is_null(one) or one == other:
        return other
    if pa.types.is_null(other):
        return one
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = _merged(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields = {field.name: field.type for field in one}
        for field in other:
            fields[field.name] = _merged(fields.get(field.name), field.type)
        return None if None in fields.values() else pa.struct(list(fields.items()))
    return None


def _known(dtype: pa.DataType) -> pa.DataType:
    """Returns the type with text for what is null in every line."""
    return _with_text_for(pa.types.is_null, dtype)


def _family(dtype: pa.DataType) -> type | None:
    """Returns the Python type that the JSON reader of the standard library gives such values."""
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return float
    for is_type, family in (
        (pa.types.is_string, str),
        (pa.types.is_boolean, bool),
        (pa.types.is_list, list),
        (pa.types.is_struct, dict),
    ):
        if is_type(dtype):
            return family
    return None
