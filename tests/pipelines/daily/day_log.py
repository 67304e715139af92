"""A small log of days with a planted law: forty queries choose among fifty candidates, the first ones most."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.daily import partitions
from tfrs_model.schema import Feature, InteractionColumns, Schema

FIRST = datetime.date(2026, 11, 1)
SCHEMA = Schema(InteractionColumns("user", "item", "at", "s"), context_features=(Feature("channel", "categorical"),))


def rows(day, num_rows=400, seed=None):
    """Returns the columns of a day, 0 the first, as lists."""
    generator = np.random.default_rng(day if seed is None else seed)
    popularity = 1.0 / np.arange(1, 51)
    begin = int(datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC).timestamp()) + day * 86_400
    return {
        "user": [f"u{each}" for each in generator.integers(0, 40, num_rows)],
        "item": [f"i{each}" for each in generator.choice(50, num_rows, p=popularity / popularity.sum())],
        "at": (begin + generator.integers(0, 86_400, num_rows)).tolist(),
        "channel": generator.choice(["web", "app"], num_rows, p=[0.7, 0.3]).tolist(),
    }


def write(interactions_dir, day, columns):
    """Writes a partition of one file and returns it."""
    date = FIRST + datetime.timedelta(days=day)
    path = interactions_dir / f"{date}.parquet"
    pq.write_table(pa.table(columns), path)
    return partitions.Partition(date, (path,))
