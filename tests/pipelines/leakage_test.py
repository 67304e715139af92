"""Information planted in the future, in the same second and in held-out rows, looked for in what training reads."""

import collections
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import feeding, prepare_data, prepared_data
from tests.pipelines import film_log
from tfrs_model import schema as schema_lib

SCHEMA = schema_lib.Schema.from_dict(
    {
        "schema_version": 2,
        "interactions": {"split": "split"},
        "query_features": [{"name": "town", "kind": "categorical", "table": "town"}],
        "context_features": [
            {"name": "row", "kind": "categorical"},
            {"name": "place", "kind": "categorical", "table": "town"},
            {"name": "basket", "kind": "multivalent", "weights_column": "amounts", "table": "candidate_id"},
            {"name": "delay", "kind": "numeric"},
            {"name": "price", "kind": "bucketised", "num_buckets": 4},
            {"name": "asked", "kind": "text", "hash_buckets": 20},
            {"name": "from_item", "kind": "id", "table": "candidate_id"},
            {"name": "at", "kind": "timestamp", "column": "timestamp"},
        ],
        "candidate_features": [
            {"name": "tags", "kind": "multivalent"},
            {"name": "size", "kind": "numeric"},
            {"name": "age", "kind": "bucketised", "num_buckets": 3},
        ],
    }
)
NUM_QUERIES, PER_QUERY, HISTORY_LENGTH = 40, 12, 6


def _log():
    """Returns rows of which many of a query share a second, a third of them held out wherever they fall in time."""
    random = np.random.default_rng(5)
    rows = []
    for query in range(NUM_QUERIES):
        for candidate in random.choice(30, PER_QUERY, replace=False):
            rows.append(_row(len(rows), f"q{query:02}", f"c{candidate:02}", int(random.integers(100, 105)), random))
    return rows


def _row(number, query_id, candidate_id, timestamp, random):
    return {
        "query_id": query_id,
        "candidate_id": candidate_id,
        "timestamp": timestamp,
        "row": f"row {number}",
        "place": f"t{random.integers(4)}",
        "basket": [f"c{each:02}" for each in random.integers(30, size=2)],
        "amounts": random.random(2).tolist(),
        "delay": float(random.random()),
        "price": float(random.random()),
        "asked": f"word{random.integers(9)}",
        "from_item": f"c{random.integers(30):02}",
        "split": ("train", "train", "train", "train", "validation", "test")[random.integers(6)],
    }


LEAK = {
    "candidate_id": "leak",
    "place": "leak",
    "basket": ["leak", "c00"],
    "amounts": [9e9, 9e9],
    "delay": 9e9,
    "price": -9e9,
    "asked": "leak leak",
    "from_item": "leak",
}


def _planted(rows):
    """Returns the rows with what no training row has in all others, and more of it wherever something trains.

    In the second of each training row comes a test row, and a query that is only in the future.
    """
    held_out = [row if row["split"] == "train" else row | LEAK for row in rows]
    same_second = [row | LEAK | {"row": "leak", "split": "test"} for row in rows if row["split"] == "train"]
    late = [row | LEAK | {"query_id": "late", "timestamp": 999, "split": "validation"} for row in rows[:1]]
    return held_out + same_second + late


def _prepare(folder, rows, **options):
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "log.parquet")
    candidates = [f"c{number:02}" for number in range(30)]
    film_log.write_table(
        folder / "items.parquet",
        {
            "candidate_id": [*candidates, "leak"],
            "tags": [*([f"tag{number % 3}"] for number in range(30)), ["leak"]],
            "size": [*map(float, range(30)), 9e9],
            "age": [*map(float, range(30)), -9e9],
        },
    )
    towns = [f"t{number % 4}" for number in range(NUM_QUERIES)]
    film_log.write_table(
        folder / "askers.parquet",
        {"query_id": [*(f"q{number:02}" for number in range(NUM_QUERIES)), "late"], "town": [*towns, "leak"]},
    )
    config = prepare_data.PrepareConfig(
        interactions=str(folder / "log.parquet"),
        candidates=str(folder / "items.parquet"),
        queries=str(folder / "askers.parquet"),
        schema=SCHEMA,
        prepared_dir=str(folder / "prepared"),
        **options,
    )
    prepare_data.run(config)
    return config.prepared_dir


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return _prepare(tmp_path_factory.mktemp("clean") / "log", _log())


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return _prepare(tmp_path_factory.mktemp("planted") / "log", _planted(_log()))


def _training_rows(directory):
    """Returns what the model reads of each training interaction, by the name of its row."""
    data = prepared_data.read_prepared_data(directory)
    examples = data.examples("train")
    batch = next(iter(feeding.Feeder(data, HISTORY_LENGTH).training_batches(examples, len(examples), 0, 0, 1)))
    columns = {f"query.{name}": values.numpy() for name, values in batch["query"].items()}
    columns |= {f"candidate.{name}": values.numpy() for name, values in batch["candidate"].items()}
    columns["weight"] = batch["weight"].numpy()
    rows = [dict(zip(columns, map(str, row), strict=True)) for row in zip(*columns.values(), strict=True)]
    return {row["query.row"]: row for row in rows}


def test_what_is_planted_changes_no_training_example(clean, planted):
    before, after = _training_rows(clean), _training_rows(planted)
    assert len(before) == sum(row["split"] == "train" for row in _log())
    assert after == before
    assert "leak" not in str(after)


def test_what_is_planted_is_in_no_vocabulary_statistic_or_boundary(clean, planted):
    inputs = prepared_data.read_model_inputs(planted)
    assert inputs == prepared_data.read_model_inputs(clean)
    assert "leak" not in str(inputs)
    # And it was there to be seen.
    planted_rows = [row for row in film_log.rows(planted, "interactions") if row["candidate_id"] == "leak"]
    assert len(planted_rows) > NUM_QUERIES


def test_validation_rows_are_learned_from_only_when_asked_and_test_rows_never(tmp_path):
    marked = [row | {"place": row["split"]} for row in _log()]
    default = _prepare(tmp_path / "default", marked)
    asked = _prepare(tmp_path / "asked", marked, statistics_splits="train,validation")

    def places(directory):
        query = prepared_data.read_model_inputs(directory).query_features
        return set(next(each for each in query if each.name == "place").vocabulary) - {"t0", "t1", "t2", "t3"}

    assert places(default) == {"train"}
    assert places(asked) == {"train", "validation"}
    configuration = json.loads((tmp_path / "asked" / "prepared" / "manifest.json").read_text())["configuration"]
    assert configuration["statistics_splits"] == "train,validation"


def test_a_history_holds_what_was_visible_and_strictly_earlier_in_every_split(clean):
    raw = {row["row"]: row for row in _log()}
    data = prepared_data.read_prepared_data(clean)
    order = {"train": 0, "validation": 1, "test": 2}
    ties = 0
    for split in order:
        examples = data.examples(split)
        batch = next(iter(feeding.Feeder(data, PER_QUERY).query_batches(examples, len(examples))))
        for name, history in zip(batch["row"].numpy(), batch["history"].numpy(), strict=True):
            row = raw[name.decode()]
            past = [
                each["candidate_id"]
                for each in raw.values()
                if each["query_id"] == row["query_id"]
                and each["timestamp"] < row["timestamp"]
                and order[each["split"]] <= order[split]
            ]
            ties += any(
                each["query_id"] == row["query_id"] and each["timestamp"] == row["timestamp"] and each is not row
                for each in raw.values()
            )
            assert history[-1] or not past
            assert collections.Counter(each.decode() for each in history if each) == collections.Counter(past)
    assert ties > NUM_QUERIES * PER_QUERY / 2


def test_context_stays_with_its_own_interaction(clean):
    raw = {row["row"]: row for row in _log()}
    rows = film_log.rows(clean, "interactions")
    assert len(rows) == len(raw)
    for row in rows:
        given = raw[row["context.row"]]
        assert (row["query_id"], row["candidate_id"]) == (given["query_id"], given["candidate_id"])
        assert row["context.at"] == row["timestamp"] == given["timestamp"] * 10**6
        assert (row["context.place"], row["context.asked"]) == (given["place"], given["asked"])
        assert (row["context.from_item"], row["context.basket"]) == (given["from_item"], given["basket"])
        assert math.isclose(row["context.delay"], given["delay"], rel_tol=1e-7)
