"""A log with a planted truth: each query likes the candidates of its own group, and a few are popular with all."""

import csv
import dataclasses
import pathlib

import numpy as np

NUM_GROUPS = 4
NUM_QUERIES = 160
NUM_CANDIDATES = 80
INTERACTIONS_PER_QUERY = 14


@dataclasses.dataclass(frozen=True)
class PlantedLog:
    interactions: pathlib.Path
    candidates: pathlib.Path
    queries: pathlib.Path
    schema: pathlib.Path


def group_of(candidate_id: str) -> int:
    return int(candidate_id.split("-")[1]) % NUM_GROUPS


def write(directory: pathlib.Path, seed: int = 7) -> PlantedLog:
    """Writes CSV files with column names and string ids of their own, and the schema that reads them."""
    generator = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)
    log = PlantedLog(*(directory / name for name in ("log.csv", "items.csv", "shoppers.csv", "schema.json")))
    popularity = 1.0 / np.arange(1, NUM_CANDIDATES + 1)
    rows = []
    for query in range(NUM_QUERIES):
        own = np.arange(NUM_CANDIDATES) % NUM_GROUPS == query % NUM_GROUPS
        weights = popularity * np.where(own, 1.0, 0.02)
        chosen = generator.choice(NUM_CANDIDATES, INTERACTIONS_PER_QUERY, replace=False, p=weights / weights.sum())
        rows += [(f"shopper-{query}", f"item-{each}", 1_600_000_000 + 60 * i) for i, each in enumerate(chosen)]
    _write_csv(log.interactions, ("shopper", "sku", "bought_at"), rows)
    items = [(f"item-{i}", f"Item <{i}>", f"group{i % NUM_GROUPS}|all", 1.5 * i) for i in range(NUM_CANDIDATES)]
    _write_csv(log.candidates, ("sku", "label", "tags", "price"), items)
    shoppers = [(f"shopper-{i}", "even" if i % 2 == 0 else "odd") for i in range(NUM_QUERIES)]
    _write_csv(log.queries, ("shopper", "parity"), shoppers)
    log.schema.write_text(_SCHEMA, encoding="utf-8")
    return log


def _write_csv(path: pathlib.Path, header: tuple[str, ...], rows: list[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


_SCHEMA = """{
  "schema_version": 2,
  "interactions": {"query_id": "shopper", "candidate_id": "sku", "timestamp": "bought_at", "timestamp_unit": "s"},
  "query_features": [{"name": "parity", "kind": "categorical", "embedding_dim": 4}],
  "candidate_features": [
    {"name": "tags", "kind": "multivalent", "separator": "|", "embedding_dim": 4},
    {"name": "price", "kind": "numeric"}
  ],
  "title": "label"
}
"""
