"""What the towers learn about values before training: vocabularies, statistics and boundaries, from training rows only.

Training rows are those of the splits that the caller names. What they show of
a side is one table, seen here: one row for each query or candidate of any
training row, or for each training row itself, with the number of training rows
that it stands for.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence

import ibis
import ibis.expr.types as ir

from pipelines.artifacts import CONTEXT_PREFIX
from pipelines.preparation import columns
from pipelines.preparation.engine import Engine
from pipelines.preparation.interactions import context_columns
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID, SIDES, Feature, Schema

# A feature's name never starts with an underscore.
_COUNT = "_count"


def seen_entities(interactions: ir.Table, id_name: str, entities: ir.Table, splits: Sequence[str]) -> ir.Table:
    """Returns the rows of a query or candidate table whose id has training interactions, with their number.

    They are in the order of ids, so that float sums over them have one.
    """
    train = interactions.filter(interactions.split.isin(splits))
    counts = train.group_by(train[id_name].name("_id")).aggregate(train.count().name(_COUNT))
    return entities.inner_join(counts, entities[id_name] == counts["_id"]).drop("_id").order_by(id_name)


def seen_contexts(interactions: ir.Table, splits: Sequence[str]) -> ir.Table:
    """Returns the context features of each training interaction, under their own names."""
    train = interactions.filter(interactions.split.isin(splits))
    context = [train[name].name(name.removeprefix(CONTEXT_PREFIX)) for name in context_columns(train)]
    return train.select([ibis.literal(1, "int64").name(_COUNT), *context])


def vocabularies(seen: Mapping[str, ir.Table], schema: Schema, min_count: int) -> Iterator[tuple[str, ir.Table]]:
    """Yields name, and `value` and `count` from the most frequent on, of each table with a vocabulary.

    A value's count is the number of training interactions whose query,
    candidate or context carries it, once however often a list repeats it, added
    over all features of the table. The id tables hold the ids of training
    interactions and what the features that share them carry, be it in the log
    or not.

    Args:
      seen: what training rows show of each side.
      schema: the features.
      min_count: what a value's count must be at least.
    """
    ids = {QUERY_ID: _carried(seen["query"], QUERY_ID), CANDIDATE_ID: _carried(seen["candidate"], CANDIDATE_ID)}
    for table, sharing in schema.vocabularies.items():
        parts = [ids[table]] if table in ids else []
        parts += [_carried(seen[side], each.name, is_list=each.kind == "multivalent") for side, each in sharing]
        yield table, _vocabulary(_united(parts), min_count)


def numeric_statistics(
    engine: Engine, seen: Mapping[str, ir.Table], schema: Schema
) -> dict[str, dict[str, dict[str, float]]]:
    """Returns mean and population standard deviation of each numeric feature, by side and name.

    Each query, candidate or moment of a request counts once, missing values not
    at all. Without any value the mean is 0 and the deviation 1.
    """
    statistics: dict[str, dict[str, dict[str, float]]] = {side: {} for side in SIDES}
    for side, feature in _features(schema):
        if feature.kind == "numeric":
            present = _numbers(seen[side], feature)
            row = engine.rows_summed_in_order(
                present.aggregate(mean=present.value.mean(), standard_deviation=present.value.std(how="pop"))
            )[0]
            empty = row["mean"] is None
            statistics[side][feature.name] = {"mean": 0.0, "standard_deviation": 1.0} if empty else row
    return statistics


def bucket_boundaries(
    engine: Engine, seen: Mapping[str, ir.Table], schema: Schema
) -> dict[str, dict[str, list[float]]]:
    """Returns the boundaries of each bucketised feature that asks for quantiles, by side and name.

    Of n values in order, boundary k of b - 1 is the one at position
    floor(k n / b), counted from 0: always a value that was seen, so that no
    engine's interpolation decides. Boundaries that fall on one value are one.
    Each query, candidate or moment of a request counts once.
    """
    boundaries: dict[str, dict[str, list[float]]] = {side: {} for side in SIDES}
    for side, feature in _features(schema):
        if feature.num_buckets is not None:
            boundaries[side][feature.name] = _quantiles(engine, _numbers(seen[side], feature), feature.num_buckets)
    return boundaries


def _features(schema: Schema) -> Iterator[tuple[str, Feature]]:
    return ((side, feature) for side, features in schema.features_by_side.items() for feature in features)


def _carried(seen: ir.Table, name: str, is_list: bool = False) -> ir.Table:
    column = seen[name].unique().unnest() if is_list else seen[name]
    values = seen.select(value=column, count=seen[_COUNT])
    return values.filter(values.value != "")


def _numbers(seen: ir.Table, feature: Feature) -> ir.Table:
    value = seen[feature.name].cast("float64")
    return seen.filter(~value.isnan()).select(value=columns.one_zero(value))


def _quantiles(engine: Engine, values: ir.Table, num_buckets: int) -> list[float]:
    counted = values.group_by("value").aggregate(rows=values.count())
    total = engine.rows(values.aggregate(rows=values.count()))[0]["rows"]
    up_to = counted.mutate(last=counted.rows.sum().over(ibis.window(order_by=counted.value, rows=(None, 0))))

    def boundaries_below(position: ir.IntegerValue) -> ir.IntegerValue:
        """Returns how many k in [1, b) have floor(k n / b) < position, for positions >= 1."""
        return ibis.least(((position * num_buckets - 1) / max(total, 1)).floor().cast("int64"), num_buckets - 1)

    first = up_to["last"] - up_to.rows
    before = ibis.cases((first > 0, boundaries_below(first)), else_=0)
    chosen = up_to.filter(boundaries_below(up_to["last"]) > before)
    return [row["value"] for row in engine.rows(chosen.select("value").order_by("value"))]


def _united(parts: Sequence[ir.Table]) -> ir.Table:
    return functools.reduce(lambda left, right: left.union(right), parts)


def _vocabulary(values: ir.Table, min_count: int) -> ir.Table:
    counted = values.group_by("value").aggregate(count=values["count"].sum().cast("int64"))
    return counted.filter(counted["count"] >= min_count).order_by([ibis.desc("count"), "value"])
