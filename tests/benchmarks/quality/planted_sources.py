"""Small tables in the form of the data sets, with a planted truth: queries like candidates of their own parity."""

import datetime
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.quality.sources import Sources

NUM_QUERIES, NUM_CANDIDATES = 40, 30


def _choices(seed: int, num_each: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns queries and candidates, query after query, no candidate twice for a query."""
    generator = np.random.default_rng(seed)
    chosen = [generator.permutation(np.arange(query % 2, NUM_CANDIDATES, 2))[:num_each] for query in range(NUM_QUERIES)]
    return np.repeat(np.arange(NUM_QUERIES), num_each), np.concatenate(chosen)


def write(folder: pathlib.Path) -> Sources:
    """Writes all three."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ml1m", "complete_journey"):
        (folder / name).mkdir()
    _write_gowalla(folder / "gowalla.parquet")
    _write_ml1m(folder / "ml1m")
    _write_complete_journey(folder / "complete_journey")
    return Sources(str(folder / "gowalla.parquet"), str(folder / "ml1m"), str(folder / "complete_journey"))


def _write_gowalla(path: pathlib.Path) -> None:
    queries, candidates = _choices(0, 10)
    split = np.tile(["train"] * 6 + ["train_extra"] * 2 + ["test"] * 2, NUM_QUERIES)
    table = pa.table({"user_id": queries, "item_id": candidates, "split": pa.array(split).dictionary_encode()})
    pq.write_table(table, path)


def _write_ml1m(folder: pathlib.Path) -> None:
    queries, candidates = _choices(1, 10)
    log = {
        "user_id": queries + 1,
        "item_id": candidates + 1,
        "rating": np.full(len(queries), 5),
        "timestamp": 956_700_000 + np.arange(len(queries)),
        "split": np.tile(["train"] * 6 + ["val"] * 2 + ["test"] * 2, NUM_QUERIES),
    }
    # What nobody ever rated, and what nobody rated before the test split.
    items = np.arange(1, NUM_CANDIDATES + 3)
    for name, values in (("user_id", 1), ("item_id", NUM_CANDIDATES + 1), ("rating", 4), ("timestamp", 956_900_000)):
        log[name] = np.append(log[name], values)
    log["split"] = np.append(log["split"], "test")
    films = {
        "item_id": items,
        "title": [f"Film {i} ({1960 + i})" for i in items],
        "genres": ["Drama|War" if i % 2 else "Comedy" for i in items],
    }
    users = np.arange(1, NUM_QUERIES + 1)
    people = {"user_id": users, "gender": np.where(users % 2, "F", "M"), "age": users % 3, "occupation": users % 2}
    for name, table in (("positives", log), ("items", films), ("users", people)):
        pq.write_table(pa.table(table), folder / f"ml1m_{name}.parquet")


def _write_complete_journey(folder: pathlib.Path) -> None:
    queries, candidates = _choices(2, 8)
    begin = datetime.datetime(2017, 10, 1)
    # A purchase every ten days; one of the last 28 days and one of the 28 before them repeat that of day 10.
    days = np.tile(np.arange(8) * 10, NUM_QUERIES)
    candidates = np.where(days == 40, np.roll(candidates, 3), np.where(days == 70, np.roll(candidates, 6), candidates))
    log = {
        "household_id": queries,
        "product_id": candidates,
        "basket_id": np.arange(len(queries)),
        "sales_value": np.full(len(queries), 1.5),
        "transaction_timestamp": pa.array([begin + datetime.timedelta(days=int(day)) for day in days]),
    }
    products = {
        "product_id": np.arange(NUM_CANDIDATES + 5),
        "manufacturer_id": np.arange(NUM_CANDIDATES + 5) % 7,
        "department": ["GROCERY"] * (NUM_CANDIDATES + 5),
        "product_category": ["FOOD"] * (NUM_CANDIDATES + 5),
        "product_type": [f"TYPE {i % 2}" for i in range(NUM_CANDIDATES + 5)],
    }
    households = {"household_id": np.arange(10), "age": ["65+"] * 10, "income": ["35-49K"] * 10}
    for name, table in (("transactions", log), ("products", products), ("demographics", households)):
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
