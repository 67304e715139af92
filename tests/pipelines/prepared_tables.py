"""Writes a prepared directory row by row, so that tests of its readers do not depend on the job that makes one."""

import hashlib
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import artifacts
from tfrs_model import schema as schema_lib

SCHEMA = schema_lib.Schema(
    query_features=(schema_lib.Feature("age", "numeric", "age"),),
    candidate_features=(
        schema_lib.Feature("genres", "multivalent", "genres", embedding_dim=4),
        schema_lib.Feature("year", "categorical", "year", embedding_dim=2),
    ),
)


def write(
    directory: pathlib.Path,
    interactions: list[tuple[str, str, int, str, int]],
    candidate_ids: list[str],
    schema: schema_lib.Schema = SCHEMA,
) -> str:
    """Writes rows of (query, candidate, timestamp, split, history_end), sorted already."""
    paths = artifacts.PreparedPaths(directory)
    paths.vocabularies.mkdir(parents=True)
    queries, candidates, timestamps, splits, ends = zip(*interactions, strict=True)
    log = {"query_id": queries, "candidate_id": candidates, "timestamp": timestamps, "split": splits}
    log |= {"weight": np.ones(len(queries), np.float32), "history_end": np.array(ends, np.int64)}
    pq.write_table(pa.table(log), paths.interactions)
    features = {"genres": [["a", "b"][: i % 3] for i in range(len(candidate_ids))]}
    features |= {"year": [str(1990 + i) for i in range(len(candidate_ids))]}
    pq.write_table(pa.table({"candidate_id": candidate_ids, **features}), paths.candidates)
    query_ids = sorted(set(queries))
    ages = np.array([np.nan, *range(20, 19 + len(query_ids))], np.float32)
    pq.write_table(pa.table({"query_id": query_ids, "age": ages}), paths.queries)
    vocabularies = {"query_id": query_ids, "candidate_id": candidate_ids}
    vocabularies |= {"candidate.genres": ["a", "b"], "candidate.year": ["1990", "1991"]}
    for name, values in vocabularies.items():
        pq.write_table(pa.table({"value": values, "count": np.ones(len(values), np.int64)}), paths.vocabulary(name))
    manifest = {
        "format_version": 2,
        "schema": schema.to_dict(),
        "counts": {"interactions": {split: splits.count(split) for split in ("train", "validation", "test")}},
        "numeric_statistics": {
            "query": {"age": {"mean": 30.0, "standard_deviation": 0.0}},
            "context": {},
            "candidate": {},
        },
        "bucket_boundaries": {"query": {}, "context": {}, "candidate": {}},
        "time_range_microseconds": [0, 9],
        "configuration": {"split": "given", "statistics_splits": "train"},
        "files": {
            path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*.parquet"))
        },
    }
    paths.manifest.write_text(json.dumps(manifest))
    return str(directory)
