"""The interaction log: read by its schema, refused rows counted by reason, duplicates removed."""

import functools
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from pipelines.artifacts import CONTEXT_PREFIX, SPLITS
from pipelines.preparation import columns, feature_columns, mixed_units
from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.sources import Source
from tfrs_model.schema import Feature, InteractionColumns

DUPLICATE = "duplicate"

# Of what says where a context feature's time falls into 1970.
_OF_1970_PREFIX = "of_1970."
_NAMED_VALUES = 5


def columns_read(
    roles: InteractionColumns, needs_split: bool, context_features: Sequence[Feature] = ()
) -> dict[str, str]:
    """Returns what each column of the log is for that the schema gives a role, or a context feature reads."""
    read = ("query_id", "candidate_id", "timestamp", "weight", "weight_divisor", "tie_break")
    used = [role for role in read if getattr(roles, role)]
    if needs_split:
        used.append("split")
    needed = {getattr(roles, role): f"interactions.{role}" for role in used}
    return feature_columns.source_columns(context_features) | needed


def require_interaction_columns(
    source: Source, roles: InteractionColumns, needs_split: bool, context_features: Sequence[Feature] = ()
) -> None:
    """Checks that every column the schema gives a role, or a context feature reads, is there.

    Raises:
      PreparationError: naming the column and its role.
    """
    source.require_columns(columns_read(roles, needs_split, context_features))


def read_interactions(
    log: ir.Table,
    roles: InteractionColumns,
    given_split: bool,
    candidate_ids: ir.Table | None,
    context_features: Sequence[Feature] = (),
) -> ir.Table:
    """Returns the log in the line's own columns, each row with the first reason to refuse it, or null.

    Args:
      log: the source table.
      roles: which column is what.
      given_split: whether the split column is read.
      candidate_ids: one column `candidate_id`; interactions with others are refused. `None` allows all.
      context_features: also read from the log; a value that cannot be read refuses its row.

    Returns:
      `query_id`, `candidate_id` string; `timestamp` int64 microseconds, 0 without a time column;
      `weight` float32; `split` string, null unless given; `tie_break` int64, 0 without such a column; `reason` string;
      context features as `feature_columns.read_feature` returns them, each name after `context.`; and what
      `refuse_mixed_units` needs of context features that are times.
    """
    readings = _readings(log, roles)
    split = log[roles.split].cast("string") if given_split else ibis.null("string")
    faults = [fault for reading in readings.values() for fault in reading.faults]
    values = {name: reading.value for name, reading in readings.items()}
    for feature in context_features:
        context = feature_columns.read_feature(log, feature, functools.partial(_context_column, feature))
        values |= {f"{CONTEXT_PREFIX}{name}": value for name, value in context.values.items()}
        if context.early is not None:
            values[f"{_OF_1970_PREFIX}{feature.name}"] = context.early.condition
        faults += [(each.condition, f"{CONTEXT_PREFIX}{feature.name}_{each.reason}") for each in context.faults]
    rows = log.select(**values, split=split, reason=ibis.cases(*faults))
    if candidate_ids is None:
        return rows
    known = candidate_ids.select(known_id=candidate_ids.candidate_id)
    joined = rows.left_join(known, rows.candidate_id == known.known_id)
    absent = ibis.cases((joined.known_id.isnull(), "candidate_not_in_table"))
    return joined.mutate(reason=ibis.coalesce(joined.reason, absent)).drop("known_id")


def refuse_mixed_units(engine: Engine, rows: ir.Table) -> ir.Table:
    """Returns the rows with times of 1970 refused where their column, the log's or a feature's, ends after 1990."""
    flags = [name for name in rows.columns if name.startswith(_OF_1970_PREFIX)]
    of_1970 = {"timestamp": mixed_units.of_1970(rows.timestamp)}
    of_1970 |= {f"{CONTEXT_PREFIX}{name.removeprefix(_OF_1970_PREFIX)}": rows[name] for name in flags}
    accepted = rows.filter(rows.reason.isnull())
    ends = [accepted[time].max().name(f"latest_{place}") for place, time in enumerate(of_1970)]
    latest = engine.rows(accepted.aggregate(ends))[0].values()
    early = [
        (condition, f"{time}_out_of_range")
        for (time, condition), end in zip(of_1970.items(), latest, strict=True)
        if mixed_units.ends_after_1990(end)
    ]
    if early:
        rows = rows.mutate(reason=ibis.coalesce(rows.reason, ibis.cases(*early)))
    return rows.drop(*flags)


def count_by_reason(engine: Engine, rows: ir.Table) -> tuple[int, dict[str, int]]:
    """Returns how many rows there are, and how many are refused, keyed by reason in alphabetical order."""
    counted = engine.rows(rows.group_by("reason").aggregate(rows=rows.count()))
    refused = {each["reason"]: each["rows"] for each in counted if each["reason"] is not None}
    return sum(each["rows"] for each in counted), dict(sorted(refused.items()))


def check_drops(total: int, drops: dict[str, int], max_rejected_fraction: float) -> None:
    """Refuses a log of which too much is unreadable; what is below the minimum weight is none of it.

    Raises:
      PreparationError: if the share of refused rows is above `max_rejected_fraction`, or no row is left.
    """
    rejected = {reason: count for reason, count in drops.items() if reason != columns.BELOW_MINIMUM}
    num_rejected = sum(rejected.values())
    if num_rejected > max_rejected_fraction * total:
        raise PreparationError(
            f"{num_rejected:,} of {total:,} interactions are refused ({_reasons(rejected)}), a share of "
            f"{num_rejected / total:.4f}, above --max_rejected_fraction={max_rejected_fraction:g}. Mend the log or the "
            f"schema{_unit_hint(drops)}, or raise --max_rejected_fraction to go on without them."
        )
    if sum(drops.values()) == total:
        raise PreparationError(
            f"All {total:,} interactions are refused ({_reasons(drops)}); mend the log or the schema."
        )


def _reasons(drops: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(drops.items(), key=lambda item: -item[1]))


def check_given_splits(engine: Engine, rows: ir.Table, column: str) -> None:
    """Refuses a split column with other values than train, validation and test.

    Raises:
      PreparationError: naming the values and how often they come.
    """
    label = rows.split.fill_null("(null)").name("label")
    unknown = rows.filter(~label.isin(SPLITS)).group_by(label).aggregate(rows=ibis._.count())
    found = engine.rows(unknown.order_by([ibis.desc("rows"), "label"]).limit(_NAMED_VALUES))
    if found:
        values = ", ".join(f"{each['label']!r} ({each['rows']:,} rows)" for each in found)
        raise PreparationError(
            f"Column {column!r} must hold {', '.join(SPLITS)}, but holds {values}; rename these values, "
            "or choose --split=leave_last_out or --split=global_time."
        )


def remove_duplicates(rows: ir.Table) -> ir.Table:
    """Returns the accepted rows with each (query, candidate, timestamp) once.

    Of several the one kept is the earliest in split (train first, so that no
    held-out row repeats a training row), then in tie break, then the heaviest,
    then the first by its context.
    """
    accepted = rows.filter(rows.reason.isnull()).drop("reason")
    split_order = ibis.cases(*((accepted.split == name, order) for order, name in enumerate(SPLITS)), else_=len(SPLITS))
    same = ibis.window(
        group_by=[accepted.query_id, accepted.candidate_id, accepted.timestamp],
        order_by=[
            split_order,
            accepted.tie_break,
            ibis.desc(accepted.weight),
            *(accepted[name] for name in context_columns(accepted)),
        ],
    )
    numbered = accepted.mutate(copy=ibis.row_number().over(same))
    return numbered.filter(numbered["copy"] == 0).drop("copy")


def context_columns(rows: ir.Table) -> list[str]:
    """Returns the names of the columns that hold context features."""
    return [name for name in rows.columns if name.startswith(CONTEXT_PREFIX)]


def _context_column(feature: Feature, column: str) -> str:
    return f"Column {column!r} (context feature {feature.name!r})"


def _where(roles: InteractionColumns, role: str) -> str:
    return f"Column {getattr(roles, role)!r} (interactions.{role})"


def _weight_options(log: ir.Table, roles: InteractionColumns) -> dict:
    if roles.weight_divisor is None:
        return {"minimum": roles.minimum_weight}
    divisor = columns.weight_divisor(log[roles.weight_divisor], _where(roles, "weight_divisor"))
    return {"minimum": roles.minimum_weight, "divisor": divisor}


def _readings(log: ir.Table, roles: InteractionColumns) -> dict[str, columns.Reading]:
    where = functools.partial(_where, roles)
    readings = {
        role: columns.identifier(log[getattr(roles, role)], where(role), role) for role in ("query_id", "candidate_id")
    }
    optional = {
        "timestamp": (functools.partial(columns.timestamp, unit=roles.timestamp_unit), ibis.literal(0, "int64")),
        "weight": (functools.partial(columns.weight, **_weight_options(log, roles)), ibis.literal(1.0, "float32")),
        "tie_break": (columns.tie_break, ibis.literal(0, "int64")),
    }
    for role, (read, default) in optional.items():
        column = getattr(roles, role)
        readings[role] = columns.Reading(default) if column is None else read(log[column], where(role))
    return readings


def _unit_hint(drops: dict[str, int]) -> str:
    return ", check --timestamp_unit" if "timestamp_out_of_range" in drops else ""
