"""What training interactions carry: every value with a vocabulary, how often it came and when last."""

import functools
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import prepared_data
from pipelines.examples import Examples
from tfrs_model import growth
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID, Schema

_COLUMNS = ("value", "count", "last_seen")


def of_training(data: prepared_data.PreparedData) -> dict[str, growth.VocabularyEntries]:
    """Returns by table what the interactions carry that the prepared vocabularies were made of.

    Counts are those of the prepared vocabularies, before any minimum.
    """
    splits = data.manifest["configuration"]["statistics_splits"].split(",")
    return of_examples(data, [data.examples(split) for split in splits if data.has_split(split)])


def of_examples(data: prepared_data.PreparedData, parts: Iterable[Examples]) -> dict[str, growth.VocabularyEntries]:
    """Returns by table what examples carry, from the most frequent value on, equal counts by their code points.

    A value counts once for each interaction whose query, candidate or context carries it, however often a list
    repeats it, added over all features of its table.
    """
    parts, schema = list(parts), data.schema
    seen = {
        "query": _seen_rows(data.queries, [(each.query_rows, each.timestamps) for each in parts]),
        "candidate": _seen_rows(data.corpus, [(each.candidate_rows, each.timestamps) for each in parts]),
        "context": _seen_contexts(parts, schema),
    }
    ids = {QUERY_ID: _carried(seen["query"], QUERY_ID), CANDIDATE_ID: _carried(seen["candidate"], CANDIDATE_ID)}
    entries = {}
    for table, sharing in schema.vocabularies.items():
        of_table = [ids[table]] if table in ids else []
        of_table += [_carried(seen[side], feature.name) for side, feature in sharing]
        entries[table] = _entries(pa.concat_tables(of_table))
    return entries


def _seen_rows(entities: pa.Table, seen: Iterable[tuple[np.ndarray, np.ndarray]]) -> pa.Table:
    """Returns the rows of a query or candidate table that interactions have, with their number and newest moment."""
    rows, moments = (np.concatenate(each) for each in zip(*seen, strict=True))
    counts = np.bincount(rows, minlength=entities.num_rows)
    last_seen = np.full(entities.num_rows, np.iinfo(np.int64).min)
    np.maximum.at(last_seen, rows, moments)
    numbered = entities.append_column("_count", pa.array(counts)).append_column("_last_seen", pa.array(last_seen))
    return numbered.filter(pa.array(counts > 0))


def _seen_contexts(parts: Iterable[Examples], schema: Schema) -> pa.Table:
    """Returns the context features of each interaction; each stands for itself."""
    names = [feature.name for feature in schema.context_features]
    moments = np.concatenate([each.timestamps for each in parts])
    columns = {
        name: functools.reduce(lambda left, right: pa.chunked_array([*left.chunks, *right.chunks]), columns)
        for name, columns in ((name, [each.context[name] for each in parts]) for name in names)
    }
    return pa.table({**columns, "_count": np.ones(len(moments), np.int64), "_last_seen": moments})


def _carried(seen: pa.Table, name: str) -> pa.Table:
    """Returns value, count and newest moment, one row for each row of a side and each value that it carries."""
    column = seen[name].combine_chunks()
    if pa.types.is_list(column.type):
        pairs = pa.table({"row": pc.list_parent_indices(column), "value": pc.list_flatten(column)})
        pairs = pairs.group_by(["row", "value"]).aggregate([])
        rows, values = pairs["row"], pairs["value"]
    else:
        rows, values = pa.array(np.arange(len(column))), column
    numbers = [seen[each].take(rows) for each in ("_count", "_last_seen")]
    carried = pa.table([values, *numbers], names=_COLUMNS)
    return carried.filter(pc.not_equal(pc.fill_null(carried["value"], ""), ""))


def _entries(carried: pa.Table) -> growth.VocabularyEntries:
    found = carried.group_by("value").aggregate([("count", "sum"), ("last_seen", "max")])
    found = found.sort_by([("count_sum", "descending"), ("value", "ascending")])
    return growth.VocabularyEntries(
        tuple(found["value"].to_pylist()), found["count_sum"].to_numpy(), found["last_seen_max"].to_numpy()
    )
