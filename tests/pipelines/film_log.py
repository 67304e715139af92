"""A small log with some of everything: ids with leading zeros, simultaneous rows, a duplicate, missing values."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import prepare_data
from tfrs_model import schema

SCHEMA = schema.Schema.from_dict(
    {
        "schema_version": 2,
        "interactions": {"query_id": "user", "candidate_id": "film", "timestamp": "at", "weight": "stars"},
        "query_features": [{"name": "age", "kind": "numeric"}],
        "candidate_features": [
            {"name": "genres", "kind": "multivalent", "separator": "|"},
            {"name": "year", "kind": "categorical"},
        ],
        "title": "name",
    }
)
LOG = {
    "user": ["ann", "ann", "ann", "ann", "bob", "bob", "bob", "bob", "cleo", "ann"],
    "film": ["007", "7", "8", "9", "9", "8", "7", "007", "007", "007"],
    "at": [10, 10, 20, 30, 5, 6, 7, 7, 1, 10],
    "stars": [1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0],
}
FILMS = {
    "film": ["007", "7", "8", "9", "10"],
    "name": ["Dr. No", "Seven", "8½", "Nine", "Ten"],
    "genres": ["action|crime", "crime", "", "drama", "romance"],
    "year": ["1962", "1995", "1963", None, "1979"],
}
USERS = {"user": ["bob", "ann", "zoe"], "age": [30, None, 70]}


def write_table(path, columns):
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".jsonl":
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    return str(path)


def config(folder, suffix=".csv", log=LOG, films=FILMS, users=USERS, **options):
    folder.mkdir(exist_ok=True)
    return prepare_data.PrepareConfig(
        **{
            "interactions": write_table(folder / f"log{suffix}", log),
            "candidates": write_table(folder / f"films{suffix}", films),
            "queries": write_table(folder / f"users{suffix}", users),
            "schema": SCHEMA,
            "prepared_dir": str(folder / "prepared"),
            **options,
        }
    )


def log_only(folder, log, roles, **options):
    """Prepares a log without tables."""
    folder.mkdir(exist_ok=True)
    only_log = schema.Schema(schema.InteractionColumns(**roles))
    interactions = write_table(folder / "log.parquet", log)
    prepared_dir = str(folder / "prepared")
    return prepare_data.PrepareConfig(interactions, prepared_dir, only_log, **options)


def rows(prepared_dir, name):
    return pq.read_table(f"{prepared_dir}/{name}.parquet").to_pylist()


def contents(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
