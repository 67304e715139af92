"""Splits in time, and what each interaction may see of its query's past."""

import math

import ibis
import ibis.expr.types as ir

from pipelines.artifacts import SPLITS
from pipelines.preparation.engine import Engine
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.interactions import context_columns

# `none` holds nothing out: what a day is asked for is the next day.
SPLIT_METHODS = ("leave_last_out", "global_time", "given", "none")

# One test, one validation and at least one interaction to learn from.
_SHORTEST_HELD_OUT = 3

# Microseconds until 2100, the latest time there is, have 52 bits: four passes with 8,192 counts each.
_TIMESTAMP_BITS = 52
_BITS_PER_PASS = 13


def with_candidate_order(rows: ir.Table) -> ir.Table:
    """Returns the rows with `candidate_order`, int64: the place of the candidate's SHA-256 among those of all.

    It is the tie break of simultaneous interactions. A digest is made once for each candidate, and what is sorted
    afterwards is a number instead of 64 characters and an id.
    """
    candidates = rows.select("candidate_id").distinct()
    by_digest = ibis.window(order_by=[candidates.candidate_id.hexdigest("sha256"), candidates.candidate_id])
    order = candidates.select(
        ordered_id=candidates.candidate_id, candidate_order=ibis.row_number().over(by_digest).cast("int64")
    )
    return rows.inner_join(order, rows.candidate_id == order.ordered_id).drop("ordered_id")


def leave_last_out(rows: ir.Table) -> ir.Table:
    """Returns the rows with each query's last as test, the one before as validation, the rest as train.

    Last is by timestamp, then tie break, then `candidate_order`. A query with fewer than 3 is wholly train.
    """
    of_query = ibis.window(group_by=rows.query_id)
    numbered = rows.mutate(
        position=ibis.row_number().over(ibis.window(group_by=rows.query_id, order_by=_time_order(rows))),
        length=rows.count().over(of_query),
    )
    from_end = numbered.length - numbered.position
    is_long = numbered.length >= _SHORTEST_HELD_OUT
    split = ibis.cases((is_long & (from_end == 1), "test"), (is_long & (from_end == 2), "validation"), else_="train")
    return numbered.mutate(split=split).drop("position", "length")


def count_short_queries(engine: Engine, rows: ir.Table) -> int:
    """Returns how many queries are too short for leave-last-out to hold anything out."""
    lengths = rows.group_by("query_id").aggregate(length=rows.count())
    return engine.rows(lengths.filter(lengths.length < _SHORTEST_HELD_OUT).aggregate(queries=ibis._.count()))[0][
        "queries"
    ]


def global_time(
    engine: Engine, rows: ir.Table, validation_fraction: float, test_fraction: float
) -> tuple[ir.Table, dict[str, int]]:
    """Returns the rows cut at two moments, and the moments.

    Everything at or after `test_start` is test, what is left at or after
    `validation_start` is validation. Simultaneous rows never part, so what is
    held out is at least the share asked for.

    Args:
      engine: finds the two moments.
      rows: de-duplicated interactions.
      validation_fraction: share of rows, in [0, 1).
      test_fraction: share of rows, in [0, 1).

    Returns:
      The rows, and `validation_start_microseconds` and `test_start_microseconds`, each if its fraction is > 0.
    """
    total = engine.rows(rows.aggregate(rows=rows.count()))[0]["rows"]
    starts: dict[str, int] = {}
    split = ibis.literal("train")
    for name, kept, fraction in (
        ("validation", 1.0 - validation_fraction - test_fraction, validation_fraction),
        ("test", 1.0 - test_fraction, test_fraction),
    ):
        if fraction > 0.0:
            # A tiny slack, since 1 - 0.1 - 0.1 is a little above 0.8 in floats.
            start = _timestamp_at(engine, rows, min(total - 1, math.floor(total * kept + 1e-9)))
            starts[f"{name}_start_microseconds"] = start
            split = ibis.cases((rows.timestamp >= start, name), else_=split)
    return rows.mutate(split=split), starts


def check_splits(counts: dict[str, int], method: str, wanted: tuple[str, ...]) -> None:
    """Refuses an empty split.

    Args:
      counts: interactions by split.
      method: one of `SPLIT_METHODS`.
      wanted: splits that must not be empty.

    Raises:
      PreparationError: with the counts and the remedy.
    """
    for name in wanted:
        if not counts.get(name):
            found = ", ".join(f"{counts.get(split, 0):,} {split}" for split in SPLITS)
            remedy = {
                "leave_last_out": "no query has 3 interactions; use --split=global_time",
                "global_time": "too few distinct timestamps for these fractions; change --validation_fraction and "
                "--test_fraction, or use --split=leave_last_out",
                "given": "the split column gives none; correct it",
                "none": "no interaction is left; mend the log",
            }[method]
            raise PreparationError(f"--split={method} leaves the {name} split empty ({found}): {remedy}.")


def with_history_end(rows: ir.Table) -> ir.Table:
    """Returns the rows in file order with how much of its query's visible past each one has.

    Train rows see train rows, validation rows also validation rows, test rows
    all; and of these only what is strictly earlier. `history_end` counts them,
    so it is also the length of the prefix of the query's visible rows, in file
    order, that is the history.
    """
    visible = {
        "train": (rows.split == "train").cast("int64"),
        "validation": (rows.split != "test").cast("int64"),
        "test": rows.split.notnull().cast("int64"),
    }
    # A range, not rows: it ends one microsecond before, ahead of every simultaneous interaction.
    strictly_earlier = ibis.window(group_by=rows.query_id, order_by=rows.timestamp, range=(None, -1))
    seen = ibis.cases(*((rows.split == name, flag.sum().over(strictly_earlier)) for name, flag in visible.items()))
    return (
        rows.mutate(history_end=seen.fill_null(0).cast("int64"))
        .order_by([rows.query_id, *_time_order(rows)])
        .select("query_id", "candidate_id", "timestamp", "weight", "split", "history_end", *context_columns(rows))
    )


def _time_order(rows: ir.Table) -> list[ir.Value]:
    """Orders one query's interactions; unique, since (query, candidate, timestamp) is."""
    return [rows.timestamp, rows.tie_break, rows.candidate_order]


def _timestamp_at(engine: Engine, rows: ir.Table, position: int) -> int:
    """Returns the timestamp of the row at `position` in time order, narrowed down by counts.

    A sorted table with an offset would do on DuckDB; Spark gathers a long one
    in any order before it counts the offset.
    """
    start, width = 0, 1 << _TIMESTAMP_BITS
    while width > 1:
        within = rows.filter((rows.timestamp >= start) & (rows.timestamp < start + width))
        width >>= _BITS_PER_PASS
        # The division is by a power of two, so it is exact also where an engine divides floats.
        counted = within.group_by(bucket=(within.timestamp - start) // width).aggregate(rows=within.count())
        for each in sorted(engine.rows(counted), key=lambda row: row["bucket"]):
            if position < each["rows"]:
                start += each["bucket"] * width
                break
            position -= each["rows"]
    return start
