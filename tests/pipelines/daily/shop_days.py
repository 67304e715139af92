"""Days of a small shop with a planted law: each query chooses among the candidates of its own group."""

import datetime
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import export, prepare_data, training_config, warm_start
from pipelines.daily import daily_config, day_checks
from tfrs_model.schema import InteractionColumns, Schema

FIRST = datetime.date(2026, 11, 1)
SCHEMA = Schema(InteractionColumns("shopper", "sku", "at", "s"))
NUM_GROUPS, NUM_QUERIES, NUM_CANDIDATES = 3, 24, 60
# Whatever the clock says where the tests run.
CHECKS = day_checks.DayCheckConfig(allow_unfinished_day=True)
OPTIONS = {
    "embedding_dim": 8,
    "query_hidden_units": (),
    "candidate_hidden_units": (),
    "history_length": 3,
    "batch_size": 32,
    "num_epochs": 4,
    "learning_rate": 0.05,
}


def date_of(day: int) -> datetime.date:
    """Returns the date of a day, 0 the first."""
    return FIRST + datetime.timedelta(days=day)


def rows(day: int, num_rows: int = 120, prefix: str = "", new_candidate: bool = True) -> dict[str, list]:
    """Returns the columns of a day; from day 1 on each day has a candidate of its own."""
    generator = np.random.default_rng(1000 + day)
    queries = generator.integers(0, NUM_QUERIES, num_rows)
    candidates = generator.integers(0, NUM_CANDIDATES // NUM_GROUPS, num_rows) * NUM_GROUPS + queries % NUM_GROUPS
    items = [f"{prefix}item-{each}" for each in candidates]
    if day and new_candidate:
        items[:6] = [f"{prefix}new-{day}"] * 6
    begin = int(datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC).timestamp()) + day * 86_400
    return {
        "shopper": [f"{prefix}shopper-{each}" for each in queries],
        "sku": items,
        "at": (begin + np.sort(generator.choice(86_400, num_rows, replace=False))).tolist(),
    }


def write(interactions_dir: pathlib.Path, day: int, columns: dict[str, list] | None = None) -> pathlib.Path:
    """Writes the partition of a day and returns its path."""
    interactions_dir.mkdir(parents=True, exist_ok=True)
    path = interactions_dir / f"{date_of(day)}.parquet"
    pq.write_table(pa.table(rows(day) if columns is None else columns), path)
    return path


def config(root: pathlib.Path, **options) -> daily_config.DailyRunConfig:
    """Returns how the days below a folder are done: the log in `log`, the rest beside it."""
    log, state = str(root / "log"), str(root / "state")
    return daily_config.DailyRunConfig(
        **{
            "interactions_dir": log,
            "state_dir": state,
            "prepare": prepare_data.PrepareConfig(log, state, SCHEMA, split="none"),
            "training": training_config.training_config(OPTIONS),
            "warm_start": warm_start.WarmStartConfig(state),
            "export": export.ExportConfig(
                state, state, str(root / "served" / "shop"), "brute_force", 5, keep_versions=9
            ),
            "checks": CHECKS,
            **options,
        }
    )
