"""The corpus and the query table: one row per id, one column per feature."""

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
from absl import logging

from pipelines.preparation import columns, feature_columns, mixed_units
from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.sources import Source
from tfrs_model.schema import Feature

_NAMED_IDS = 3


def read_entities(
    engine: Engine,
    source: Source,
    id_column: str,
    id_name: str,
    features: Sequence[Feature],
    title: str | None = None,
) -> ir.Table:
    """Returns a checked candidate or query table in the line's own columns.

    Args:
      engine: runs the checks.
      source: the table's files.
      id_column: the source column of ids.
      id_name: `candidate_id` or `query_id`.
      features: what to read, each under its name.
      title: source column shown to people, or `None`.

    Returns:
      `id_name` string, unique; `title` string if named; features as `feature_columns.read_feature` returns them.

    Raises:
      PreparationError: if a column is missing or of a wrong type, an id is missing or twice, or a value unreadable.
    """
    needed = {id_column: f"interactions.{id_name}"} | feature_columns.source_columns(features)
    source.require_columns(needed | ({title: "title"} if title else {}))
    raw = source.open(engine)
    ids = columns.identifier(raw[id_column], _where(source, id_column), id_name).value
    _require_unique_ids(engine, source, raw.select(id=ids))
    values: dict[str, ir.Value] = {id_name: ids}
    if title:
        values["title"] = columns.text(raw[title], _where(source, title)).fill_null("")
    readings = {
        each: feature_columns.read_feature(raw, each, lambda column: _where(source, column)) for each in features
    }
    _refuse_faults(
        engine, source, raw, [(each, fault) for each, reading in readings.items() for fault in reading.faults]
    )
    _refuse_mixed_units(engine, source, raw, readings)
    for reading in readings.values():
        values |= reading.values
    # Named one by one: as keywords, a feature named `self` would meet Python's own.
    return raw.select([value.name(name) for name, value in values.items()])


def with_missing_features(
    ids: ir.Table, id_name: str, entities: ir.Table | None, features: Sequence[Feature]
) -> ir.Table:
    """Returns one row for each id of the log or the table, sorted by id.

    An id that the table lacks has every feature missing.

    Args:
      ids: one column `id_name`, distinct.
      id_name: `candidate_id` or `query_id`.
      entities: what `read_entities` returned, or `None`.
      features: the features among its columns.
    """
    if entities is None:
        return ids.order_by(id_name)
    both = ids.union(entities.select(id_name), distinct=True)
    # A feature's name never starts with an underscore.
    known = entities.rename(_known_id=id_name)
    joined = both.left_join(known, both[id_name] == known["_known_id"])
    missing = [feature_columns.missing_values(each) for each in features]
    filled = [joined[name].fill_null(value).name(name) for each in missing for name, value in each.items()]
    return joined.select([joined[id_name], *filled]).order_by(id_name)


def count_without_features(engine: Engine, ids: ir.Table, id_name: str, entities: ir.Table) -> int:
    """Returns how many ids of the log the table lacks, and warns if there are any."""
    absent = ids.anti_join(entities.select(id_name), id_name)
    count = engine.rows(absent.aggregate(ids=absent.count()))[0]["ids"]
    if count:
        examples = engine.rows(absent.order_by(id_name).limit(_NAMED_IDS))
        named = ", ".join(repr(each[id_name]) for each in examples)
        logging.warning(
            "%s %ss of the log have no row in their table, such as %s; every feature of theirs is missing. If it "
            "should not be, add their rows.",
            *(f"{count:,}", id_name, named),
        )
    return count


def count_removed_values(engine: Engine, source: Source, features: Sequence[Feature], side: str) -> dict[str, int]:
    """Returns how many empty list elements each multivalent feature lost, where any; keyed for the manifest."""
    raw = source.open(engine)
    removed = {}
    for feature in features:
        lost = feature_columns.empty_values(raw, feature)
        if lost is not None:
            count = engine.rows(lost.sum().fill_null(0).name("lost").as_table())[0]["lost"]
            if count:
                removed[f"{side}.{feature.name}_empty_value"] = int(count)
    return removed


def _refuse_mixed_units(
    engine: Engine, source: Source, raw: ir.Table, readings: Mapping[Feature, feature_columns.FeatureReading]
) -> None:
    """Raises at a time of 1970 where the feature's column ends after 1990; every time can be read."""
    times = {feature: reading for feature, reading in readings.items() if reading.early is not None}
    if not times:
        return
    ends = [reading.values[feature.name].max().name(feature.name) for feature, reading in times.items()]
    latest = engine.rows(raw.aggregate(ends))[0]
    late = [feature for feature in times if mixed_units.ends_after_1990(latest[feature.name])]
    _refuse_faults(engine, source, raw, [(feature, times[feature].early) for feature in late])


def _refuse_faults(
    engine: Engine, source: Source, raw: ir.Table, faults: Sequence[tuple[Feature, feature_columns.Fault]]
) -> None:
    """Raises the first fault of any feature, all looked for in one pass."""
    if not faults:
        return
    counted = [raw.count(where=fault.condition).name(f"fault_{place}") for place, (_, fault) in enumerate(faults)]
    counts = engine.rows(raw.aggregate(counted))[0]
    for place, (feature, fault) in enumerate(faults):
        if counts[f"fault_{place}"]:
            bad = engine.rows(raw.filter(fault.condition).select(value=fault.shown).order_by("value").limit(1))
            raise PreparationError(
                f"{_where(source, feature.column)}, {feature.kind} feature {feature.name!r}: value {bad[0]['value']!r} "
                f"{fault.complaint} (rows of this kind: {counts[f'fault_{place}']:,}); {fault.remedy}."
            )


def _require_unique_ids(engine: Engine, source: Source, ids: ir.Table) -> None:
    empty = ids.filter(ids.id.fill_null("") == "").aggregate(rows=ibis._.count())
    missing = engine.rows(empty)[0]["rows"]
    if missing:
        raise PreparationError(
            f"--{source.role}={source.paths[0]} has {missing:,} rows without an id; every row needs one."
        )
    repeated = ids.group_by("id").aggregate(rows=ids.count())
    repeated = repeated.filter(repeated.rows > 1)
    total = engine.rows(repeated.aggregate(ids=repeated.count()))[0]["ids"]
    if total:
        examples = engine.rows(repeated.order_by([ibis.desc("rows"), "id"]).limit(_NAMED_IDS))
        named = ", ".join(f"{each['id']!r} ({each['rows']} rows)" for each in examples)
        raise PreparationError(
            f"--{source.role}={source.paths[0]} has {total:,} ids more than once, such as {named}; "
            "keep one row for each id."
        )


def _where(source: Source, column: str) -> str:
    return f"Column {column!r} of --{source.role}={source.paths[0]}"
