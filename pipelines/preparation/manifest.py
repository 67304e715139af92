"""The manifest of a prepared directory: written last, and how a rerun knows its own result."""

import hashlib
import importlib.metadata
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines import artifacts, source_digest
from pipelines.preparation.errors import PreparationError
from tfrs_model.schema import Schema

_SCHEMA_SOURCES = tuple(f"tfrs_model/schema{part}.py" for part in ("", "_feature", "_file", "_rules", "_tables"))
_OWN_ENTRIES = {
    "manifest.json",
    "interactions.parquet",
    "candidates.parquet",
    "queries.parquet",
    "vocabularies",
    "days",
}


def write_manifest(
    directory: pathlib.Path,
    schema: Schema,
    configuration: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    content: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes and returns the manifest of finished tables.

    Args:
      directory: holds every other file already.
      schema: columns and features.
      configuration: the options that shaped the tables.
      sources: role, path, SHA-256 and bytes of each source file.
      content: what `build.build_tables` returned.
    """
    files = sorted(path for path in directory.rglob("*.parquet"))
    manifest = {
        "format_version": artifacts.PREPARED_FORMAT_VERSION,
        "schema": schema.to_dict(),
        "configuration": dict(configuration),
        **content,
        "sources": [dict(source) for source in sources],
        "made_of_sha256": identity(schema, configuration, sources),
        "files": {path.relative_to(directory).as_posix(): artifacts.sha256_of_file(path) for path in files},
    }
    artifacts.write_json(artifacts.PreparedPaths(directory).manifest, manifest)
    # As a reader will see it: tuples are lists.
    return artifacts.read_json(artifacts.PreparedPaths(directory).manifest)


def find_reusable(
    directory: pathlib.Path, schema: Schema, configuration: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Returns the manifest at `directory` if it was made of the same and its files are whole, else `None`.

    Sources are the same if their bytes are, wherever they lie.
    """
    path = artifacts.PreparedPaths(directory).manifest
    if not path.is_file():
        return None
    try:
        manifest = artifacts.read_json(path)
        same = manifest["made_of_sha256"] == identity(schema, configuration, sources)
    except (ValueError, KeyError, TypeError):
        return None  # Not readable as ours, so it is made anew.
    return manifest if same and _files_are_whole(directory, manifest["files"]) else None


def identity(schema: Schema, configuration: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]) -> str:
    """Returns 64 hexadecimal digits that differ whenever anything differs that shapes the tables, the code included."""
    code = source_digest.source_sha256("pipelines/preparation", "pipelines/artifacts.py", *_SCHEMA_SOURCES)
    versions = [importlib.metadata.version(each) for each in ("duckdb", "ibis-framework", "pyarrow")]
    content = [
        artifacts.PREPARED_FORMAT_VERSION,
        schema.to_dict(),
        dict(configuration),
        _bytes_of(sources),
        code,
        versions,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def refuse_to_replace(directory: pathlib.Path, sources: Iterable[pathlib.Path]) -> None:
    """Refuses to replace a directory that holds anything but prepared data, or a source.

    Raises:
      PreparationError: naming a source inside, or an entry that preparation never writes.
    """
    if not directory.is_dir():
        return
    for source in sources:
        if source.resolve().is_relative_to(directory.resolve()):
            raise PreparationError(
                f"--prepared_dir={directory} would be replaced as a whole, but {source} lies in it and is read; "
                "choose another directory."
            )
    foreign = sorted(entry.name for entry in directory.iterdir() if entry.name not in _OWN_ENTRIES)
    if foreign:
        raise PreparationError(
            f"--prepared_dir={directory} would be replaced as a whole, but holds {foreign[0]!r}, which is no prepared "
            "data; choose another directory or move that away."
        )


def _bytes_of(sources: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    return [(source["role"], source["sha256"], source["bytes"]) for source in sources]


def _files_are_whole(directory: pathlib.Path, files: Mapping[str, str]) -> bool:
    return all((directory / name).is_file() for name in files) and all(
        artifacts.sha256_of_file(directory / name) == digest for name, digest in files.items()
    )
