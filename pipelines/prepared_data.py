"""Reads what preparation wrote: sequences, corpus, queries, vocabularies, statistics."""

import dataclasses
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import artifacts
from tfrs_model import features, model_config
from tfrs_model import schema as schema_lib

FORMAT_VERSION = 1
SPLITS = ("train", "validation", "test")


class PreparedDataError(ValueError):
    """The prepared directory is missing, of another format or empty where rows are needed."""


@dataclasses.dataclass(frozen=True)
class Examples:
    """The interactions of one split, with everything that was visible before each.

    Attributes:
      query_rows: `[num_examples]` int64 rows of the query table.
      candidate_rows: `[num_examples]` int64 rows of the corpus.
      weights: `[num_examples]` float32.
      timestamps: `[num_examples]` int64 microseconds UTC.
      history_begin: `[num_examples]` int64 first position of the query in `sequence`.
      history_end: `[num_examples]` int64 position after the last strictly earlier interaction.
      sequence: `[num_visible]` int64 corpus rows, query after query, oldest first.
    """

    query_rows: np.ndarray
    candidate_rows: np.ndarray
    weights: np.ndarray
    timestamps: np.ndarray
    history_begin: np.ndarray
    history_end: np.ndarray
    sequence: np.ndarray

    def __len__(self) -> int:
        return len(self.query_rows)

    def take(self, rows: np.ndarray) -> "Examples":
        """Returns the examples at these positions; what is visible stays the same."""
        per_example = [f.name for f in dataclasses.fields(self) if f.name != "sequence"]
        return dataclasses.replace(self, **{name: getattr(self, name)[rows] for name in per_example})


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """A prepared directory in memory.

    Attributes:
      manifest: its manifest.
      schema: its schema.
      corpus: the candidate table; a candidate's row here is its corpus row.
      queries: the query table.
      paths: where it was read from.
      manifest_sha256: identifies the data in the artefacts made from it.
    """

    manifest: dict
    schema: schema_lib.Schema
    corpus: pa.Table
    queries: pa.Table
    paths: artifacts.PreparedPaths
    manifest_sha256: str
    _interactions: pa.Table

    def examples(self, split: str) -> Examples:
        """Returns the interactions of a split.

        A training row sees training rows; a validation row also validation rows;
        a test row sees all, and each sees strictly earlier ones only.

        Raises:
          PreparedDataError: if the split is unknown or has no interactions.
        """
        if split not in SPLITS:
            raise PreparedDataError(f"split must be one of {', '.join(SPLITS)}, but is {split!r}.")
        visible = self._of_splits(SPLITS[: SPLITS.index(split) + 1])
        of_split = pc.equal(visible["split"], split).to_numpy(zero_copy_only=False)
        if not of_split.any():
            raise PreparedDataError(
                f"Split {split!r} of {self.paths.directory} has no interactions; prepare the data with another split."
            )
        query_rows = _rows_of(visible["query_id"], self.queries["query_id"])
        candidate_rows = _rows_of(visible["candidate_id"], self.corpus["candidate_id"])
        # The file is sorted by query, so a query's rows are contiguous.
        begin = np.searchsorted(query_rows, query_rows[of_split], side="left")
        return Examples(
            query_rows=query_rows[of_split],
            candidate_rows=candidate_rows[of_split],
            weights=visible["weight"].to_numpy()[of_split].astype(np.float32),
            timestamps=visible["timestamp"].to_numpy()[of_split],
            history_begin=begin,
            history_end=begin + visible["history_end"].to_numpy()[of_split],
            sequence=candidate_rows,
        )

    def training_counts(self) -> np.ndarray:
        """Returns `[num_candidates]` int64 training interactions of each corpus row."""
        return np.bincount(self.examples("train").candidate_rows, minlength=self.corpus.num_rows)

    def has_split(self, split: str) -> bool:
        """Returns whether a split has any interactions."""
        return self.manifest["counts"]["interactions"].get(split, 0) > 0

    def seen_before(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns query rows (ascending) and corpus rows of all interactions in the splits before this one."""
        seen = self._of_splits(SPLITS[: SPLITS.index(split)])
        return _rows_of(seen["query_id"], self.queries["query_id"]), _rows_of(
            seen["candidate_id"], self.corpus["candidate_id"]
        )

    def _of_splits(self, splits: tuple[str, ...]) -> pa.Table:
        return self._interactions.filter(pc.is_in(self._interactions["split"], value_set=pa.array(splits, pa.string())))


def read_prepared_data(prepared_dir: str | os.PathLike[str]) -> PreparedData:
    """Reads a prepared directory.

    Raises:
      ArtifactError: if it has no readable manifest.
      PreparedDataError: if its format is another one.
    """
    paths = artifacts.PreparedPaths(prepared_dir)
    manifest = _read_manifest(paths)
    return PreparedData(
        manifest=manifest,
        schema=schema_lib.Schema.from_dict(manifest["schema"]),
        corpus=pq.read_table(paths.candidates),
        queries=pq.read_table(paths.queries),
        paths=paths,
        manifest_sha256=artifacts.sha256_of_file(paths.manifest),
        _interactions=pq.read_table(paths.interactions),
    )


def read_model_inputs(directory: str | os.PathLike[str]) -> model_config.ModelInputs:
    """Reads vocabularies and statistics from a prepared directory, or from a model's copy of them."""
    paths = artifacts.PreparedPaths(directory)
    manifest = _read_manifest(paths)
    schema = schema_lib.Schema.from_dict(manifest["schema"])

    def feature_input(side: str, feature: schema_lib.Feature) -> features.FeatureInput:
        if feature.kind != "numeric":
            vocabulary = _vocabulary(paths, f"{side}.{feature.name}")
            return features.FeatureInput(feature.name, feature.kind, feature.embedding_dim, vocabulary)
        statistics = manifest["numeric_statistics"][side][feature.name]
        # A constant column has deviation 0; any divisor standardises it to 0.
        deviation = statistics["standard_deviation"] or 1.0
        return features.FeatureInput(feature.name, feature.kind, mean=statistics["mean"], standard_deviation=deviation)

    return model_config.ModelInputs(
        query_ids=_vocabulary(paths, schema_lib.QUERY_ID),
        candidate_ids=_vocabulary(paths, schema_lib.CANDIDATE_ID),
        query_features=tuple(feature_input("query", each) for each in schema.query_features),
        candidate_features=tuple(feature_input("candidate", each) for each in schema.candidate_features),
    )


def _read_manifest(paths: artifacts.PreparedPaths) -> dict:
    manifest = artifacts.read_json(paths.manifest)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise PreparedDataError(
            f"{paths.manifest} has format_version {manifest.get('format_version')!r}, but this version reads "
            f"{FORMAT_VERSION}; run prepare_data again."
        )
    return manifest


def _vocabulary(paths: artifacts.PreparedPaths, name: str) -> tuple[str, ...]:
    return tuple(pq.read_table(paths.vocabulary(name), columns=["value"])["value"].to_pylist())


def _rows_of(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> np.ndarray:
    return pc.index_in(values, value_set=ids.combine_chunks()).to_numpy().astype(np.int64)
