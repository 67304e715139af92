"""What the towers learn about values before training: vocabularies and numeric statistics, from train rows only."""

from collections.abc import Iterator, Sequence

import ibis
import ibis.expr.types as ir

from pipelines.preparation.engine import DuckDbEngine
from tfrs_model.schema import Feature


def training_counts(interactions: ir.Table, id_name: str) -> ir.Table:
    """Returns `id_name` and `count`, the training interactions of each id that has any."""
    train = interactions.filter(interactions.split == "train")
    return train.group_by(id_name).aggregate(count=train.count())


def id_vocabulary(counts: ir.Table, id_name: str, min_count: int) -> ir.Table:
    """Returns `value`, `count` of the ids with at least `min_count` training interactions, the most frequent first."""
    return _vocabulary(counts.select(value=counts[id_name], count=counts["count"]), min_count)


def feature_vocabularies(
    counts: ir.Table, id_name: str, entities: ir.Table, features: Sequence[Feature], min_count: int
) -> Iterator[tuple[Feature, ir.Table]]:
    """Yields `value`, `count` of each categorical and multivalent feature.

    A value's count is the number of training interactions whose query or
    candidate carries it, once however often a list repeats it.
    """
    for feature in features:
        if feature.kind == "numeric":
            continue
        # Renamed before the join, so that no feature's name meets a column of the counts.
        carried = entities.select(entities[id_name], value=entities[feature.name])
        seen = counts.inner_join(carried, id_name)
        value = seen["value"].unique().unnest() if feature.kind == "multivalent" else seen["value"]
        values = seen.select(value=value, count=seen["count"])
        yield feature, _vocabulary(values.filter(values.value != ""), min_count)


def numeric_statistics(
    engine: DuckDbEngine, counts: ir.Table, id_name: str, entities: ir.Table, features: Sequence[Feature]
) -> dict[str, dict[str, float]]:
    """Returns mean and population standard deviation of each numeric feature.

    Each id with training interactions counts once, missing values not at all.
    Without any value the mean is 0 and the deviation 1.
    """
    statistics = {}
    seen = entities.semi_join(counts, id_name)
    for feature in features:
        if feature.kind != "numeric":
            continue
        value = seen[feature.name].cast("float64")
        present = seen.filter(~value.isnan()).select(value=value)
        row = engine.rows_summed_in_order(
            present.aggregate(mean=present.value.mean(), standard_deviation=present.value.std(how="pop"))
        )[0]
        empty = row["mean"] is None
        statistics[feature.name] = {"mean": 0.0, "standard_deviation": 1.0} if empty else row
    return statistics


def _vocabulary(values: ir.Table, min_count: int) -> ir.Table:
    counted = values.group_by("value").aggregate(count=values["count"].sum().cast("int64"))
    return counted.filter(counted["count"] >= min_count).order_by([ibis.desc("count"), "value"])
