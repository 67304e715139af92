"""Formats that no engine reads, converted to Parquet first, so that types are decided once and for every engine."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import pyarrow as pa
import tqdm

from pipelines.preparation import sources
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import json_lines
from pipelines.preparation.sources import Source
from pipelines.preparation.stages import Stages
from tfrs_model.schema import Schema

_SHOW_PROGRESS_AFTER_SECONDS = 10.0


def as_parquet(source: Source, schema: Schema, scratch_dir: pathlib.Path, stages: Stages) -> Source:
    """Returns a source that the engine reads and whose columns are known: this one, or a converted one.

    Args:
      source: files of any format.
      schema: says which columns are lists, where a file does not.
      scratch_dir: existing directory for the converted files; each file becomes one there.
      stages: of the run; a conversion that an interrupted one has finished is kept.

    Raises:
      PreparationError: naming file and line, record or byte of what cannot be read.
    """
    if source.format not in (sources.JSON_LINES, sources.TFRECORD):
        return source
    targets = [scratch_dir / f"{source.role}_{index:05d}.parquet" for index in range(len(source.paths))]

    def convert() -> dict:
        with _progress(source) as bar:
            columns = list(_convert(source, schema, targets, bar.update).names)
        if not columns:
            raise PreparationError(
                f"--{source.role}={source.paths[0]} has no column in any row; give a file with columns."
            )
        sources.require_distinct(source.role, source.paths[0], columns)
        return {"columns": columns, "logged": {"files": len(targets), "columns": len(columns)}}

    title = f"Converting {source.role} from {source.format}"
    columns = stages.run(f"converted_{source.role}", title, targets, convert)["columns"]
    return dataclasses.replace(source, columns=tuple(columns), converted=tuple(targets))


def _convert(
    source: Source, schema: Schema, targets: Sequence[pathlib.Path], advance: Callable[[int], None]
) -> pa.Schema:
    if source.format == sources.JSON_LINES:
        return json_lines.convert(source.role, source.paths, targets, advance)
    # TensorFlow takes seconds to load, so it is imported only for its own format.
    from pipelines.preparation.source_formats import tfrecords

    return tfrecords.convert(source.role, source.paths, targets, _list_columns(schema), advance)


def _list_columns(schema: Schema) -> set[str]:
    lists = [
        feature
        for features in schema.features_by_side.values()
        for feature in features
        if feature.kind == "multivalent" and feature.separator is None
    ]
    return {column for feature in lists for column in (feature.column, feature.weights_column) if column is not None}


def _progress(source: Source) -> tqdm.tqdm:
    # Read twice: once for the types, once for the rows. Of compressed files the length is not known before.
    plain = all(path.suffix.lower() != ".gz" for path in source.paths)
    total = 2 * sum(path.stat().st_size for path in source.paths) if plain else None
    return tqdm.tqdm(
        total=total,
        desc=f"converting {source.role}",
        unit="B",
        unit_scale=True,
        delay=_SHOW_PROGRESS_AFTER_SECONDS,
        mininterval=1.0,
        leave=False,
    )
