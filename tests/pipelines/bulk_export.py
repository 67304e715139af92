"""A small export, and queries for it in Parquet files, with what NumPy says that they are answered with."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from serving import manifest, saved_model
from tests.serving import small_recommender

# 64 queries, of which each knows another part of its inputs.
NUM_QUERIES = 64
_AGES = [None if i % 5 == 0 else 20.0 + i for i in range(NUM_QUERIES)]
_TAGS = [[["x"], ["y", "z"], []][i % 3] for i in range(NUM_QUERIES)]
# 0, 3, ... 27 of the 30 candidates, or all of them.
_EXCLUDED = [
    small_recommender.IDS if i == 40 else [f"c{(i + 7 * j) % 30}" for j in range(3 * (i % 10))]
    for i in range(NUM_QUERIES)
]
QUERIES = {
    "query_id": [("u1", "u2", "stranger")[i % 3] + (f"-{i}" if i % 3 == 2 else "") for i in range(NUM_QUERIES)],
    "history": [[f"c{(3 * i + j) % 30}" for j in range(i % 4)] for i in range(NUM_QUERIES)],
    "history_timestamps": [[10**15 + j * 10**9 for j in range(i % 4)] for i in range(NUM_QUERIES)],
    "moment": [None if i % 7 == 0 else 10**15 + i * 10**10 for i in range(NUM_QUERIES)],
    "age": _AGES,
    "tags": _TAGS,
    "tags_weights": [[0.5 + j for j in range(len(each))] for each in _TAGS],
    "motto": [None if i % 4 == 0 else f"live and let {i}" for i in range(NUM_QUERIES)],
    "exclude_candidate_ids": [[*each, "never served"] for each in _EXCLUDED],
}


def write(model_dir: pathlib.Path, kind: str = "brute_force") -> pathlib.Path:
    """Writes the small recommender as a version that answers 5 by default, and 30 at most."""
    model = small_recommender.make_model()
    served = small_recommender.make_served(model, kind)
    saved_model.write_saved_model(served, model_dir)
    manifest.write_manifest(model_dir, {"index": served.index.name, "k": 5, "max_k": 30, "model_stamp": "small"})
    return model_dir


def write_queries(path: pathlib.Path, begin: int = 0, end: int = NUM_QUERIES, **changes) -> pathlib.Path:
    """Writes some of the queries, in row groups of 10; a column that is changed to `None` is left out."""
    columns = {name: values for name, values in {**QUERIES, **changes}.items() if values is not None}
    table = pa.table({name: pa.array(values[begin:end]) for name, values in columns.items()})
    pq.write_table(table, path, row_group_size=10)
    return path


def scores() -> np.ndarray:
    """Returns the score of each candidate for each query, `[NUM_QUERIES, 30]`, by the towers that are exported."""
    model = small_recommender.make_model()
    embeddings = model.query_tower(small_recommender.tensors(_filled()), training=False).numpy()
    return embeddings @ small_recommender.corpus_of(model).T


def expected(k: int, exclude_history: bool) -> list[list[str]]:
    """Returns the answers of every query by a full sort."""
    answers = []
    for query, row in enumerate(scores()):
        excluded = {*_EXCLUDED[query], *(QUERIES["history"][query] if exclude_history else ())}
        answers.append(small_recommender.rank(row, k, lambda each, excluded=excluded: each not in excluded))
    return answers


def answers(answers_dir: pathlib.Path) -> list[dict]:
    """Returns all rows that were written, shard after shard."""
    return [row for path in sorted(answers_dir.glob("shard-*.parquet")) for row in pq.read_table(path).to_pylist()]


def _filled() -> dict:
    fillings = {"history": "", "tags": "", "history_timestamps": -1, "tags_weights": 0.0}
    filled = {}
    for name, values in QUERIES.items():
        if name in fillings:
            longest = max(map(len, values))
            filled[name] = [[*each, *[fillings[name]] * (longest - len(each))] for each in values]
        elif name != "exclude_candidate_ids":
            missing = {"age": float("nan"), "moment": -1}.get(name, "")
            filled[name] = [missing if each is None else each for each in values]
    return filled
