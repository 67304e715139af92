"""MovieLens-1M positives with some of the items hidden from training, prepared with and without content features."""

import collections
import pathlib
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import prepare_data
from tfrs_model import schema as schema_lib

_FILES = ("ml1m_positives.parquet", "ml1m_items.parquet", "ml1m_users.parquet")
_INTERACTIONS = {"query_id": "user_id", "candidate_id": "item_id", "timestamp": "timestamp", "split": "split"}
# A word of fewer titles would stand for the item, as its id does, and say nothing of another.
_MIN_TITLES = 4
_QUERY_FEATURES = (
    {"name": "gender", "kind": "categorical", "embedding_dim": 8},
    {"name": "age", "kind": "categorical", "embedding_dim": 8},
    {"name": "occupation", "kind": "categorical", "embedding_dim": 8},
)
_CONTENT = (
    {"name": "genres", "kind": "multivalent", "separator": "|", "embedding_dim": 32},
    {"name": "year", "kind": "bucketised", "num_buckets": 20, "embedding_dim": 16},
    {"name": "decade", "kind": "categorical", "embedding_dim": 8},
    {"name": "words", "kind": "multivalent", "separator": " ", "embedding_dim": 16},
)


def has_files(directory: str | None) -> bool:
    """Returns whether all tables are in the directory."""
    return bool(directory) and all((pathlib.Path(directory) / name).exists() for name in _FILES)


def hidden_items(item_ids: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns the sorted ids that are hidden, the given share of the distinct ones."""
    distinct = np.unique(item_ids)
    return np.sort(np.random.default_rng(seed).choice(distinct, round(share * len(distinct)), replace=False))


def prepare(ml1m_dir: str, directory: pathlib.Path, with_content: bool, share: float, seed: int) -> np.ndarray:
    """Prepares `directory / "known"` to train on and `directory / "served"` to ask; returns the ids of hidden items.

    What is known has no trace of hidden items, neither as negatives nor to pick an epoch on. What is
    served has them in the corpus, with their held-out interactions and without those of training.

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
    split = pc.if_else(pc.equal(log["split"], "val"), "validation", log["split"])
    log = log.set_column(log.column_names.index("split"), "split", split)
    items = _with_words(_with_year(items))

    def is_hidden(table: pa.Table) -> pa.ChunkedArray:
        return pc.is_in(table["item_id"], pa.array(hidden))

    left = log.filter(pc.invert(pc.and_(in_training, is_hidden(log))))
    _prepare({"interactions": left, "items": items, "users": users}, directory / "served", with_content)
    known = {"interactions": log.filter(pc.invert(is_hidden(log))), "items": items.filter(pc.invert(is_hidden(items)))}
    _prepare({**known, "users": users}, directory / "known", with_content)
    return hidden


def _prepare(tables: dict[str, pa.Table], prepared_dir: pathlib.Path, with_content: bool) -> None:
    sources = prepared_dir.with_name(f"{prepared_dir.name}_sources")
    sources.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, sources / f"{name}.parquet")
    schema = {
        "schema_version": 2,
        "interactions": _INTERACTIONS,
        "query_features": list(_QUERY_FEATURES),
        "candidate_features": list(_CONTENT) if with_content else [],
    }
    prepare_data.run(
        prepare_data.PrepareConfig(
            interactions=str(sources / "interactions.parquet"),
            candidates=str(sources / "items.parquet"),
            queries=str(sources / "users.parquet"),
            schema=schema_lib.Schema.from_dict(schema),
            prepared_dir=str(prepared_dir),
            split="given",
        )
    )


def _with_year(items: pa.Table) -> pa.Table:
    """Adds the year in which a title ends, such as "Toy Story (1995)", and its decade."""
    year = pc.cast(pc.struct_field(pc.extract_regex(items["title"], r"\((?P<year>\d{4})\)\s*$"), "year"), pa.int32())
    return items.append_column("year", year).append_column("decade", pc.divide(year, 10))


def _with_words(items: pa.Table) -> pa.Table:
    """Adds the words that several titles share, with spaces between."""
    titles = [sorted(set(re.findall(r"[a-z]+", title.lower()))) for title in items["title"].to_pylist()]
    num_titles = collections.Counter(word for words in titles for word in words)
    shared = [" ".join(word for word in words if num_titles[word] >= _MIN_TITLES) for words in titles]
    return items.append_column("words", pa.array(shared))
