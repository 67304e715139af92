"""The corpus and the query table: one row per id, one column per feature."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from pipelines.preparation import columns
from pipelines.preparation.engine import DuckDbEngine
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.sources import Source
from tfrs_model.schema import Feature

_NAMED_IDS = 3


def read_entities(
    engine: DuckDbEngine,
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
      `id_name` string, unique; `title` string if named; categorical features as string with "" for missing,
      multivalent as list of non-empty strings, numeric as float32 with NaN for missing.

    Raises:
      PreparationError: if a column is missing or of a wrong type, an id is missing or twice, or a number unreadable.
    """
    needed = {id_column: f"interactions.{id_name}"} | {each.column: f"feature {each.name!r}" for each in features}
    source.require_columns(needed | ({title: "title"} if title else {}))
    raw = source.open(engine)
    ids = columns.identifier(raw[id_column], _where(source, id_column), id_name).value
    _require_unique_ids(engine, source, raw.select(id=ids))
    values: dict[str, ir.Value] = {id_name: ids}
    if title:
        values["title"] = columns.text(raw[title], _where(source, title)).fill_null("")
    for feature in features:
        values[feature.name] = _feature_value(engine, source, raw, feature)
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
    filled = [joined[each.name].fill_null(_missing(each)).name(each.name) for each in features]
    return joined.select([joined[id_name], *filled]).order_by(id_name)


def count_removed_values(
    engine: DuckDbEngine, source: Source, features: Sequence[Feature], side: str
) -> dict[str, int]:
    """Returns how many null or empty list elements each multivalent feature lost, where any; keyed for the manifest."""
    raw = source.open(engine)
    removed = {}
    for feature in features:
        if feature.kind == "multivalent" and feature.separator is None:
            values = raw[feature.column]
            lost = (values.length() - _non_empty(values).length()).sum().fill_null(0).name("lost")
            count = engine.rows(lost.as_table())[0]["lost"]
            if count:
                removed[f"{side}.{feature.name}_empty_value"] = int(count)
    return removed


def _feature_value(engine: DuckDbEngine, source: Source, raw: ir.Table, feature: Feature) -> ir.Value:
    column, where = raw[feature.column], _where(source, feature.column)
    if feature.kind == "categorical":
        return columns.text(column, where).fill_null("")
    if feature.kind == "multivalent":
        return _list_value(column, where, feature)
    reading = columns.numeric_feature(column, where)
    for fault, complaint in reading.faults:
        bad = engine.rows(raw.filter(fault).select(value=column.cast("string")).order_by("value").limit(1))
        if bad:
            raise PreparationError(
                f"{where}, numeric feature {feature.name!r}: value {bad[0]['value']!r} {complaint}; "
                "mend the table, leave the value empty, or make the feature categorical."
            )
    return reading.value


def _list_value(column: ir.Column, where: str, feature: Feature) -> ir.ArrayValue:
    dtype = column.type()
    if feature.separator is not None:
        if not dtype.is_string():
            raise PreparationError(f"{where} must hold text to be split at its separator, but holds {dtype}.")
        return _non_empty(column.split(feature.separator)).fill_null(_missing(feature))
    if not dtype.is_array():
        raise PreparationError(
            f"{where} must hold lists for the multivalent feature {feature.name!r}, but holds {dtype}; "
            "set the feature's separator if it is text."
        )
    if not (dtype.value_type.is_string() or dtype.value_type.is_integer()):
        raise PreparationError(f"{where} must hold lists of strings or integers, but holds {dtype}; cast it before.")
    return _non_empty(column).fill_null(_missing(feature))


def _non_empty(values: ir.ArrayValue) -> ir.ArrayValue:
    return values.cast("array<string>").filter(lambda value: value != "")


def _missing(feature: Feature) -> ir.Value:
    if feature.kind == "multivalent":
        return ibis.literal([], type="array<string>")
    return ibis.literal("") if feature.kind == "categorical" else ibis.literal(float("nan"), type="float32")


def _require_unique_ids(engine: DuckDbEngine, source: Source, ids: ir.Table) -> None:
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
