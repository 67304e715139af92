"""How far the interactions of a day are distributed otherwise than those of the days before."""

import dataclasses
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np

from pipelines.artifacts import CONTEXT_PREFIX
from pipelines.daily import day_rows
from pipelines.preparation.engine import Engine
from tfrs_model.diagnostics import distribution_shift
from tfrs_model.schema import CANDIDATE_ID, Feature

CANDIDATE_POPULARITY = "candidate popularity"
_CATEGORICAL = ("id", "categorical")
# What is rarer is one group: an index over thousands of rare values would be chance alone.
_MAX_VALUES = 20


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far one thing has moved.

    Attributes:
      name: a column's feature, or `candidate popularity`.
      stability_index: see `population_stability_index`; `None` without interactions on either side, and of popularity
        with one day before alone.
      of_chance: about what it would be if nothing had moved; `None` likewise.
      num_groups: over how many groups it is.
    """

    name: str
    stability_index: float | None
    of_chance: float | None
    num_groups: int


def measure(engine: Engine, day: ir.Table, earlier: ir.Table, context_features: Sequence[Feature]) -> list[Drift]:
    """Returns the drift of the candidates' popularity and of each categorical column of the log.

    Args:
      engine: counts.
      day: accepted interactions.
      earlier: accepted interactions of the days before, with their `date`.
      context_features: of the log; those that hold one value of a few are measured.
    """
    categorical = [each for each in context_features if each.kind in _CATEGORICAL]
    return [
        _of_popularity(engine, day, earlier),
        *(_of_column(engine, day, earlier, each.name) for each in categorical),
    ]


def _of_popularity(engine: Engine, day: ir.Table, earlier: ir.Table) -> Drift:
    """Returns the drift over candidates that were there before, which the share of new ones tells nothing of.

    One half of the days before says how popular each candidate was, and the other half what is expected of them: by
    the interactions that group them candidates would seem more popular than they are, whose luck is in the groups.
    """
    dates = [each[day_rows.DATE] for each in engine.rows(earlier.select(day_rows.DATE).distinct())]
    newest_first = sorted(dates, reverse=True)
    grouping, expected = newest_first[1::2], newest_first[::2]
    if not grouping:
        return Drift(CANDIDATE_POPULARITY, None, None, 0)
    levels = _counts(earlier.filter(earlier[day_rows.DATE].isin(grouping)), CANDIDATE_ID)
    for name, rows in (("before", earlier.filter(earlier[day_rows.DATE].isin(expected))), ("now", day)):
        counts = _counts(rows, CANDIDATE_ID).rename(counted="value", **{name: "rows"})
        levels = levels.left_join(counts, levels["value"] == counts["counted"]).drop("counted")
    # Candidates of one level are one row, and there are no more levels than the root of twice the interactions.
    sums = {name: levels[name].fill_null(0).sum() for name in ("before", "now")}
    found = engine.rows(levels.group_by(level=levels["rows"]).aggregate(**sums))
    of_level = [np.array([each[name] for each in found], np.int64) for name in ("level", "before", "now")]
    return _drift(CANDIDATE_POPULARITY, *distribution_shift.counts_by_doubling(*of_level))


def _of_column(engine: Engine, day: ir.Table, earlier: ir.Table, feature: str) -> Drift:
    column = f"{CONTEXT_PREFIX}{feature}"
    before, now = _counts(earlier, column), _counts(day, column)
    # The most frequent values of both, so that a value that has appeared is a group of its own.
    tops = [engine.rows(each.order_by([ibis.desc("rows"), "value"]).limit(_MAX_VALUES)) for each in (before, now)]
    values = sorted({row["value"] for rows in tops for row in rows})
    counts = [_of_values(engine, each, values) for each in (before, now)]
    return _drift(feature, *counts)


def _counts(rows: ir.Table, column: str) -> ir.Table:
    return rows.group_by(rows[column].name("value")).aggregate(rows=rows.count())


def _of_values(engine: Engine, counts: ir.Table, values: Sequence[str]) -> np.ndarray:
    """Returns the interactions of each value, and last those of all others."""
    named = ibis.cases((counts["value"].isin(values), counts["value"]))
    found = engine.rows(counts.group_by(named.name("named")).aggregate(rows=counts["rows"].sum()))
    of_value = {each["named"]: int(each["rows"]) for each in found}
    return np.array([of_value.get(value, 0) for value in (*values, None)], np.int64)


def _drift(name: str, expected: np.ndarray, actual: np.ndarray) -> Drift:
    # A group that neither has, such as that of rarer values, is none.
    is_there = (expected > 0) | (actual > 0)
    expected, actual = expected[is_there], actual[is_there]
    num_groups = len(expected)
    index = distribution_shift.population_stability_index(expected, actual)
    of_chance = distribution_shift.stability_index_of_chance(num_groups, int(expected.sum()), int(actual.sum()))
    return Drift(name, *(None if np.isnan(each) else each for each in (index, of_chance)), num_groups)
