"""TFRecord of tf.Example: a feature is a column, of one kind in all records of all files.

Read in batches by TensorFlow, twice: once to find names, kinds and lengths,
once to write them. A feature with at most one value in every record is a plain
column unless the schema reads it as lists; an absent feature or one
without a value is missing.
"""

import dataclasses
import pathlib
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from google.protobuf import message

from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import compressed

_BATCH_RECORDS = 512
# Length and its checksum before a record, the record's checksum after it.
_FRAME_BYTES = 16
# In the order of the fields of tf.train.Feature.
_LISTS = ("BytesList", "FloatList", "Int64List")
_DTYPES = (tf.string, tf.float32, tf.int64)
_ARROW = (pa.string(), pa.float32(), pa.int64())


@dataclasses.dataclass(frozen=True)
class _Batch:
    """Serialized records of a file, and how many came before."""

    role: str
    path: pathlib.Path
    records: tf.Tensor
    first: int

    def error(self, index: int, complaint: str) -> PreparationError:
        """Returns the error of one record, counted from 1."""
        return PreparationError(
            f"--{self.role}={self.path}: record {self.first + index + 1:,} {complaint}; write the file again."
        )


@dataclasses.dataclass
class _Column:
    """What all records so far hold under one name."""

    kind: int | None = None
    longest: int = 0


def convert(
    role: str,
    paths: Sequence[pathlib.Path],
    targets: Sequence[pathlib.Path],
    list_columns: Collection[str],
    advance: Callable[[int], None],
) -> pa.Schema:
    """Writes each file as Parquet, all with the same columns.

    Args:
      role: the flag that named the files.
      paths: the files, by their names plain or compressed by gzip.
      targets: as many files to write.
      list_columns: names that are lists even where no record has two values.
      advance: told how many bytes of records were read, twice in all.

    Returns:
      The columns, sorted by name.

    Raises:
      PreparationError: naming file and byte of damage, or file and record of what is no tf.Example, changes its kind or
        is not UTF-8.
    """
    found: dict[str, _Column] = {}
    plain = [_decompressed(role, path, target) for path, target in zip(paths, targets, strict=True)]
    for path, content in zip(paths, plain, strict=True):
        for batch in _batches(role, path, content, advance):
            _discover(batch, found)
    fields = []
    for name, column in sorted(found.items()):
        dtype = _ARROW[column.kind or 0]
        fields.append((name, pa.list_(dtype) if column.longest > 1 or name in list_columns else dtype))
    schema = pa.schema(fields)
    if not fields:
        return schema
    kinds = {name: _DTYPES[column.kind or 0] for name, column in found.items()}
    for path, content, target in zip(paths, plain, targets, strict=True):
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in _batches(role, path, content, advance):
                writer.write_batch(_parse(batch, schema, kinds))
        if content != path:
            content.unlink()
    return schema


def _decompressed(role: str, path: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Returns the file, or beside `target` a plain copy: TensorFlow takes a cut gzip file for its end."""
    if path.suffix.lower() != ".gz":
        return path
    content = target.with_suffix(".tfrecord")
    with compressed.opened(role, path) as file, content.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    return content


def _batches(role: str, path: pathlib.Path, content: pathlib.Path, advance: Callable[[int], None]) -> Iterator[_Batch]:
    offset, first, size = 0, 0, content.stat().st_size
    try:
        for records in tf.data.TFRecordDataset(str(content)).batch(_BATCH_RECORDS):
            read = int(tf.reduce_sum(tf.strings.length(records))) + _FRAME_BYTES * len(records)
            advance(read)
            yield _Batch(role, path, records, first)
            offset, first = offset + read, first + len(records)
    except tf.errors.DataLossError as error:
        place = re.search(r"record at ([0-9]+)", error.message)
        raise _damaged(role, path, int(place[1]) if place else offset) from error
    # A file cut in its last record has an end like any other for TensorFlow.
    if offset != size:
        raise _damaged(role, path, offset)


def _damaged(role: str, path: pathlib.Path, offset: int) -> PreparationError:
    what = "is no TFRecord file" if offset == 0 else f"is damaged or cut after byte {offset:,}"
    return PreparationError(f"--{role}={path} {what}; write or copy it again.")


def _discover(batch: _Batch, found: dict[str, _Column]) -> None:
    """Adds names, kinds and lengths of a batch, whole columns at a time."""
    try:
        (features,), _ = _decode(batch.records, "Example", ["features"])
        entries = tf.io.decode_proto(features, "tensorflow.Features", ["feature"], [tf.string]).values[0]
        (keys, values), there = _decode(entries, "Features.FeatureEntry", ["key", "value"])
        lists, _ = _decode(values, "Feature", ["bytes_list", "float_list", "int64_list"])
        lengths = [
            tf.io.decode_proto(each, f"tensorflow.{name}", ["value"], [dtype]).sizes[..., 0].numpy()
            for each, name, dtype in zip(lists, _LISTS, _DTYPES, strict=True)
        ]
    except tf.errors.OpError as error:
        raise batch.error(_first_unreadable(batch.records), "is no tf.Example") from error
    lengths = np.stack(lengths, axis=-1)
    names = pa.array(keys.numpy()[there], pa.binary()).dictionary_encode()
    records, codes = np.nonzero(there)[0], names.indices.to_numpy()
    for code, name in enumerate(names.dictionary.to_pylist()):
        rows = lengths[there][codes == code]
        column = found.setdefault(name.decode("utf-8"), _Column())
        _add(batch, column, name.decode("utf-8"), rows, records[codes == code])


def _add(batch: _Batch, column: _Column, name: str, lengths: np.ndarray, records: np.ndarray) -> None:
    kinds = np.flatnonzero(lengths.max(axis=0))
    # In the order of the records that first have them.
    for kind in sorted(kinds, key=lambda each: np.flatnonzero(lengths[:, each])[0]):
        if column.kind not in (None, kind):
            index = int(records[np.flatnonzero(lengths[:, kind])[0]])
            raise batch.error(index, f"has a {_LISTS[kind]} under {name!r}, where others have a {_LISTS[column.kind]}")
        column.kind = int(kind)
    column.longest = max(column.longest, int(lengths.max()))


def _decode(messages: tf.Tensor, name: str, fields: list[str]) -> tuple[list[tf.Tensor], np.ndarray]:
    """Returns fields that come at most once, "" where absent, and where the first of them is there."""
    decoded = tf.io.decode_proto(messages, f"tensorflow.{name}", fields, [tf.string] * len(fields))
    values = [each[..., 0] if each.shape[-1] else tf.fill(each.shape[:-1], b"") for each in decoded.values]
    return values, decoded.sizes[..., 0].numpy() > 0


def _first_unreadable(records: tf.Tensor) -> int:
    for index, record in enumerate(records.numpy()):
        try:
            tf.train.Example.FromString(record)
        except message.DecodeError:
            return index
    return 0


def _parse(batch: _Batch, schema: pa.Schema, kinds: dict[str, tf.DType]) -> pa.RecordBatch:
    parsed = tf.io.parse_example(batch.records, {name: tf.io.RaggedFeature(dtype) for name, dtype in kinds.items()})
    return pa.record_batch([_column(batch, field, parsed[field.name]) for field in schema], schema=schema)


def _column(batch: _Batch, field: pa.Field, ragged: tf.RaggedTensor) -> pa.Array:
    offsets = ragged.row_splits.numpy()
    is_list = pa.types.is_list(field.type)
    dtype = field.type.value_type if is_list else field.type
    missing = np.diff(offsets) == 0
    try:
        values = ragged.flat_values.numpy()
        values = pa.array(values, pa.binary()).cast(dtype) if pa.types.is_string(dtype) else pa.array(values, dtype)
    except pa.ArrowInvalid as error:
        index = _first_not_utf8(ragged)
        raise batch.error(index, f"has bytes under {field.name!r} that are not UTF-8") from error
    if is_list:
        starts = pa.array(offsets, pa.int32(), mask=np.append(missing, False))
        return pa.ListArray.from_arrays(starts, values)
    return values.take(pa.array(offsets[:-1], mask=missing))


def _first_not_utf8(ragged: tf.RaggedTensor) -> int:
    for index, value in enumerate(ragged.flat_values.numpy()):
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            return int(ragged.value_rowids()[index])
    return 0
