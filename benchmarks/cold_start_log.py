"""MovieLens-1M positives with some of the items hidden from training, prepared with and without content features."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import prepare_data
from tfrs_model import schema as schema_lib

_FILES = ("ml1m_positives.parquet", "ml1m_items.parquet", "ml1m_users.parquet")
_INTERACTIONS = schema_lib.InteractionColumns(
    query_id="user_id", candidate_id="item_id", timestamp="timestamp", timestamp_unit="s", split="split"
)
_QUERY_FEATURES = (
    {"name": "gender", "kind": "categorical", "embedding_dim": 8},
    {"name": "age", "kind": "categorical", "embedding_dim": 8},
    {"name": "occupation", "kind": "categorical", "embedding_dim": 8},
)
_CONTENT = (
    {"name": "genres", "kind": "multivalent", "separator": "|", "embedding_dim": 32},
    {"name": "year", "kind": "bucketised", "num_buckets": 20, "embedding_dim": 16},
    {"name": "decade", "kind": "categorical", "embedding_dim": 8},
    {"name": "title", "kind": "text", "hash_buckets": 4000, "ngram_sizes": [1], "embedding_dim": 16},
)


def has_files(directory: str | None) -> bool:
    """Returns whether all tables are in the directory."""
    return bool(directory) and all((pathlib.Path(directory) / name).exists() for name in _FILES)


def hidden_items(item_ids: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns the sorted ids that are hidden, the given share of the distinct ones."""
    distinct = np.unique(item_ids)
    return np.sort(np.random.default_rng(seed).choice(distinct, round(share * len(distinct)), replace=False))


def prepare(ml1m_dir: str, directory: pathlib.Path, with_content: bool, share: float, seed: int) -> np.ndarray:
    """Prepares `directory / "prepared"` without training interactions of the hidden items; returns their ids.

    Held-out interactions of hidden items stay, and so do the items themselves in the candidate table.

    Args:
      ml1m_dir: where the tables are.
      directory: where everything goes.
      with_content: whether the candidate tower gets the features of items.
      share: of the items that have training interactions.
      seed: of the choice.
    """
    log, items, users = (pq.read_table(pathlib.Path(ml1m_dir) / name) for name in _FILES)
    in_training = pc.equal(log["split"], "train")
    hidden = hidden_items(log.filter(in_training)["item_id"].to_numpy(), share, seed)
    is_hidden = pc.is_in(log["item_id"], pa.array(hidden))
    log = log.filter(pc.invert(pc.and_(in_training, is_hidden)))
    directory.mkdir(parents=True, exist_ok=True)
    split = pc.if_else(pc.equal(log["split"], "val"), "validation", log["split"])
    log = log.set_column(log.column_names.index("split"), "split", split)
    for name, table in (("interactions", log), ("items", _with_year(items)), ("users", users)):
        pq.write_table(table, directory / f"{name}.parquet")
    schema = schema_lib.Schema.from_dict(
        {
            "schema_version": 2,
            "interactions": _as_dict(_INTERACTIONS),
            "query_features": list(_QUERY_FEATURES),
            "candidate_features": list(_CONTENT) if with_content else [],
        }
    )
    prepare_data.run(
        prepare_data.PrepareConfig(
            interactions=str(directory / "interactions.parquet"),
            candidates=str(directory / "items.parquet"),
            queries=str(directory / "users.parquet"),
            schema=schema,
            prepared_dir=str(directory / "prepared"),
            split="given",
        )
    )
    return hidden


def _as_dict(columns: schema_lib.InteractionColumns) -> dict:
    return {name: value for name, value in vars(columns).items() if value is not None}


def _with_year(items: pa.Table) -> pa.Table:
    """Adds the year in which a title ends, such as "Toy Story (1995)", and its decade."""
    year = pc.cast(pc.struct_field(pc.extract_regex(items["title"], r"\((?P<year>\d{4})\)\s*$"), "year"), pa.int32())
    return items.append_column("year", year).append_column("decade", pc.divide(year, 10))
