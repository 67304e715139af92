"""Reads what preparation wrote: sequences, corpus, queries, vocabularies, statistics."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import artifacts, interaction_rows
from pipelines.artifacts import CONTEXT_PREFIX, PREPARED_FORMAT_VERSION, SPLITS
from pipelines.examples import Examples
from tfrs_model import feature_input as feature_input_lib
from tfrs_model import model_config
from tfrs_model import schema as schema_lib

# What identifies prepared data: not the sources, whose paths say where the bytes came from, not what they are.
_IDENTITY = ("format_version", "schema", "configuration", "counts", "numeric_statistics", "bucket_boundaries", "files")

_AGAIN = "run prepare_data again"
_TRAIN_AGAIN = f"{_AGAIN}, or train again if this is a model's copy"


class PreparedDataError(ValueError):
    """The prepared directory is of another format, damaged, incomplete or empty where rows are needed."""


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """A prepared directory in memory.

    Attributes:
      manifest: its manifest.
      schema: its schema.
      corpus: the candidate table; a candidate's row here is its corpus row.
      queries: the query table.
      paths: where it was read from.
      manifest_sha256: identifies the data in the artefacts made from it: 64 hexadecimal digits
        over the manifest's format version, schema, configuration, counts and hashes of files.
        The same bytes prepared from another folder are the same data.
    """

    manifest: dict
    schema: schema_lib.Schema
    corpus: pa.Table
    queries: pa.Table
    paths: artifacts.PreparedPaths
    manifest_sha256: str
    _interactions: pa.Table

    @property
    def candidate_ids(self) -> np.ndarray:
        """`[num_candidates]` strings, the corpus in order."""
        return np.array(self.corpus["candidate_id"].to_pylist(), dtype=object)

    def examples(self, split: str) -> Examples:
        """Returns the interactions of a split.

        A training row sees training rows; a validation row also validation rows;
        a test row sees all, and each sees strictly earlier ones only. In a log without
        time a training row sees all other training rows of its query, and a held-out
        row all rows of earlier splits.

        Raises:
          PreparedDataError: if the split is unknown or has no interactions.
        """
        if split not in SPLITS:
            raise PreparedDataError(f"split must be one of {', '.join(SPLITS)}, but is {split!r}.")
        splits, number = self._splits(), SPLITS.index(split)
        of_split = splits == number
        if not of_split.any():
            raise PreparedDataError(
                f"Split {split!r} of {self.paths.directory} has no interactions; prepare the data with another split."
            )
        rows = self._interactions.filter(pa.array(of_split))
        has_time = self.schema.interactions.timestamp is not None
        # Without time nothing of a split is earlier than anything else of it.
        visible = splits <= number if has_time or not number else splits < number
        query_rows = rows[interaction_rows.QUERY_ROW].to_numpy()
        begin, history_end = self._histories(rows, visible, has_time)
        candidate_rows = rows[interaction_rows.CANDIDATE_ROW].to_numpy()
        timestamps = rows["timestamp"].to_numpy()
        return Examples(
            query_rows=query_rows,
            candidate_rows=candidate_rows,
            weights=rows["weight"].to_numpy(),
            timestamps=timestamps,
            history_begin=begin,
            history_end=history_end,
            # A training row sees training rows only: what is visible is what is asked for.
            sequence=self._column(interaction_rows.CANDIDATE_ROW)[visible] if number else candidate_rows,
            sequence_timestamps=self._column("timestamp")[visible] if number else timestamps,
            own_position=None if has_time else history_end if number else np.arange(len(rows), dtype=begin.dtype),
            context={name.removeprefix(CONTEXT_PREFIX): rows[name] for name in self._context_columns},
        )

    def newest_states(self) -> Examples:
        """Returns one example for each query in the log, which sees all that the query ever chose.

        The features of the moment, and the moment, are those of its newest interaction.
        """
        query_rows = self._column(interaction_rows.QUERY_ROW)
        newest = np.flatnonzero(np.append(query_rows[1:] != query_rows[:-1], True))
        rows = self._interactions.take(pa.array(newest))
        history_end = newest + 1
        return Examples(
            query_rows=query_rows[newest],
            candidate_rows=rows[interaction_rows.CANDIDATE_ROW].to_numpy(),
            weights=rows["weight"].to_numpy(),
            timestamps=rows["timestamp"].to_numpy(),
            history_begin=np.concatenate([[0], history_end[:-1]]),
            history_end=history_end,
            sequence=self._column(interaction_rows.CANDIDATE_ROW),
            sequence_timestamps=self._column("timestamp"),
            own_position=None if self.schema.interactions.timestamp is not None else history_end,
            context={name.removeprefix(CONTEXT_PREFIX): rows[name] for name in self._context_columns},
        )

    def training_counts(self) -> np.ndarray:
        """Returns `[num_candidates]` int64 training interactions of each corpus row."""
        return self._in_training(interaction_rows.CANDIDATE_ROW, self.corpus.num_rows)

    def training_counts_of_queries(self) -> np.ndarray:
        """Returns `[num_queries]` int64 training interactions of each row of the query table."""
        return self._in_training(interaction_rows.QUERY_ROW, self.queries.num_rows)

    def _in_training(self, column: str, num_rows: int) -> np.ndarray:
        rows = self._column(column)[self._splits() == SPLITS.index("train")]
        return np.bincount(rows, minlength=num_rows)

    def has_split(self, split: str) -> bool:
        """Returns whether a split has any interactions."""
        return self.manifest["counts"]["interactions"].get(split, 0) > 0

    def seen_before(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns query rows (ascending) and corpus rows of all interactions in the splits before this one."""
        seen = self._splits() < SPLITS.index(split)
        return self._column(interaction_rows.QUERY_ROW)[seen], self._column(interaction_rows.CANDIDATE_ROW)[seen]

    @property
    def _context_columns(self) -> list[str]:
        return [name for name in self._interactions.column_names if name.startswith(CONTEXT_PREFIX)]

    def _histories(self, rows: pa.Table, visible: np.ndarray, has_time: bool) -> tuple[np.ndarray, np.ndarray]:
        """Returns where the history of each row begins among what is visible, and the position after its end."""
        query_rows = rows[interaction_rows.QUERY_ROW].to_numpy()
        num_earlier = rows["history_end"].to_numpy()
        # The file is sorted by query, so a query's rows are contiguous.
        lengths = np.bincount(self._column(interaction_rows.QUERY_ROW)[visible], minlength=self.queries.num_rows)
        begin = (np.cumsum(lengths) - lengths).astype(num_earlier.dtype)[query_rows]
        return begin, begin + (num_earlier if has_time else lengths.astype(num_earlier.dtype)[query_rows])

    def _splits(self) -> np.ndarray:
        return self._column("split")

    def _column(self, name: str) -> np.ndarray:
        """Returns a column of all interactions without a copy."""
        return self._interactions[name].to_numpy()


def read_prepared_data(prepared_dir: str | os.PathLike[str]) -> PreparedData:
    """Reads a prepared directory, each file only if it is as preparation wrote it.

    Raises:
      ArtifactError: if it has no readable manifest.
      PreparedDataError: if its format is another one, or a file is missing, damaged or replaced.
    """
    paths = artifacts.PreparedPaths(prepared_dir)
    manifest = _read_manifest(paths)
    corpus = _read_table(paths, manifest, paths.candidates, _AGAIN)
    queries = _read_table(paths, manifest, paths.queries, _AGAIN)
    read_interactions = functools.partial(
        interaction_rows.read_interaction_rows,
        query_ids=queries[schema_lib.QUERY_ID],
        candidate_ids=corpus[schema_lib.CANDIDATE_ID],
        splits=SPLITS,
    )
    return PreparedData(
        manifest=manifest,
        schema=_schema(paths, manifest),
        corpus=corpus,
        queries=queries,
        paths=paths,
        manifest_sha256=_identity(manifest),
        _interactions=_read_table(paths, manifest, paths.interactions, _AGAIN, read_interactions),
    )


def read_model_inputs(directory: str | os.PathLike[str]) -> model_config.ModelInputs:
    """Reads vocabularies and statistics from a prepared directory, or from a model's copy of them.

    Raises:
      ArtifactError: if it has no readable manifest.
      PreparedDataError: if its format is another one, or a vocabulary is missing, damaged or replaced.
    """
    paths = artifacts.PreparedPaths(directory)
    manifest = _read_manifest(paths)
    schema = _schema(paths, manifest)
    vocabularies = {table: _vocabulary(paths, manifest, table) for table in schema.vocabularies}

    def feature_input(side: str, feature: schema_lib.Feature) -> feature_input_lib.FeatureInput:
        table, known = feature.table_name(side), {}
        if feature.has_vocabulary and table not in schema_lib.ID_TABLES:
            known["vocabulary"] = vocabularies[table]
        if feature.kind == "numeric":
            known = dict(manifest["numeric_statistics"][side][feature.name])
            # A constant column has deviation 0; any divisor standardises it to 0.
            known["standard_deviation"] = known["standard_deviation"] or 1.0
        if feature.num_buckets is not None:
            known["boundaries"] = manifest["bucket_boundaries"][side][feature.name]
        return feature_input_lib.FeatureInput.from_schema(feature, side, **known)

    inputs = {
        side: tuple(feature_input(side, each) for each in features)
        for side, features in schema.features_by_side.items()
    }
    return model_config.ModelInputs(
        query_ids=vocabularies[schema_lib.QUERY_ID],
        candidate_ids=vocabularies[schema_lib.CANDIDATE_ID],
        query_features=inputs["query"] + inputs["context"],
        candidate_features=inputs["candidate"],
    )


def _read_manifest(paths: artifacts.PreparedPaths) -> dict:
    manifest = artifacts.read_json(paths.manifest)
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != PREPARED_FORMAT_VERSION:
        raise PreparedDataError(
            f"{paths.manifest} has format_version {version!r}, but this version reads "
            f"{PREPARED_FORMAT_VERSION}; {_TRAIN_AGAIN}."
        )
    absent = [key for key in _IDENTITY if key not in manifest]
    if absent:
        raise PreparedDataError(f"{paths.manifest} must have {absent[0]!r}, but has not; {_AGAIN}.")
    return manifest


def _schema(paths: artifacts.PreparedPaths, manifest: dict) -> schema_lib.Schema:
    try:
        return schema_lib.Schema.from_dict(manifest["schema"])
    except schema_lib.SchemaError as error:
        raise PreparedDataError(
            f"{paths.manifest} holds a schema, with vocabularies made for it, that this version does not read: {error} "
            f"{_TRAIN_AGAIN.capitalize()}."
        ) from error


def _identity(manifest: dict) -> str:
    return artifacts.sha256_of_json({key: manifest[key] for key in _IDENTITY})


def _vocabulary(paths: artifacts.PreparedPaths, manifest: dict, name: str) -> tuple[str, ...]:
    values = _read_table(
        paths, manifest, paths.vocabulary(name), _TRAIN_AGAIN, functools.partial(pq.read_table, columns=["value"])
    )
    return tuple(values["value"].to_pylist())


def _read_table(
    paths: artifacts.PreparedPaths,
    manifest: dict,
    path: pathlib.Path,
    remedy: str,
    read: Callable[[pathlib.Path], pa.Table] = pq.read_table,
) -> pa.Table:
    """Returns a table whose bytes are those that the manifest names."""
    name = path.relative_to(paths.directory).as_posix()
    try:
        digest, promised = artifacts.sha256_of_file(path), manifest["files"].get(name, "")
        if digest != promised:
            said = f"says {promised[:12]}..." if promised else "does not name it"
            raise PreparedDataError(
                f"{path} is not the file that prepare_data wrote: its SHA-256 is {digest[:12]}..., but "
                f"{paths.manifest.name} {said}; {remedy}."
            )
        return read(path)
    except FileNotFoundError as error:
        raise PreparedDataError(f"{path} is missing; {remedy}.") from error
    except (pa.ArrowException, OSError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).split("\n")[0].rstrip(".")
        raise PreparedDataError(f"{path} cannot be read as Parquet ({reason}); {remedy}.") from error
