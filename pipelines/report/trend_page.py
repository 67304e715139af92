"""Writes one day of a sequential training beside the days before it, as a page that needs nothing but itself."""

from collections.abc import Mapping, Sequence

from pipelines.report import number_format, page_template, trend_chart

_TEMPLATE = "trend.html.j2"
_METRIC = "recall_at_20"
_HEADINGS = (
    "Date",
    "Outcome",
    "Version",
    "Interactions",
    "Asked",
    "Unknown candidates",
    "Recall@20",
    "Popularity",
    "Difference",
    "Training loss",
    "Candidates known",
    "New",
    "Expired",
    "Minutes",
)


def render(days: Sequence[Mapping]) -> str:
    """Returns the page as text; the last day is the one it is of.

    Args:
      days: of each `date`, `outcome`, `stages` as its record has them, and `seconds`, `None` where not known.
    """
    last = days[-1]
    check, evaluation = last["stages"].get("check", {}), last["stages"].get("evaluate", {})
    page = {
        "date": last["date"],
        "facts_of_day": _facts(last),
        "chart": trend_chart.trend_chart(
            "Recall@20 on the day, before training on it",
            [each["date"] for each in days],
            [_metric(each, "model") for each in days],
            [_metric(each, "popularity") for each in days],
        ),
        "headings": _HEADINGS,
        "rows": [_row(each) for each in reversed(days)],
        "metrics": _metrics(evaluation) if "model" in evaluation else [],
        "drift": [_drift(each) for each in check.get("drift", ())],
        "growth": [
            (table, [number_format.count(found[name]) for name in ("known", "new", "expired", "waiting")])
            for table, found in last["stages"].get("train", {}).get("vocabularies", {}).items()
        ],
    }
    return page_template.render(_TEMPLATE, page)


def _facts(day: Mapping) -> list[tuple[str, str]]:
    check, evaluation = day["stages"].get("check", {}), day["stages"].get("evaluate", {})
    new_candidates, new_queries = check.get("new_candidates") or {}, check.get("new_queries") or {}
    return [
        ("Outcome", str(day["outcome"] or "not finished")),
        ("Version", number_format.plain(day["stages"].get("publish", {}).get("version"))),
        ("Rows of the day", number_format.count(check.get("num_rows"))),
        ("Median of the days before", number_format.count(check.get("median_num_rows"))),
        *_dropped(day["stages"]),
        ("Interactions of new candidates", number_format.percent(new_candidates.get("fraction"))),
        ("Interactions of new queries", number_format.percent(new_queries.get("fraction"))),
        ("Asked", number_format.count(evaluation.get("num_interactions"))),
        ("Repeats left out", number_format.count(evaluation.get("num_repeats_left_out"))),
        *_gated(day["stages"].get("gate", {})),
    ]


def _dropped(stages: Mapping) -> list[tuple[str, str]]:
    check, before = stages.get("check", {}), stages.get("prepare", {}).get("num_outside_before")
    refused = sum(check["drops"].values()) if "drops" in check else None
    return [
        ("Dropped: rows that cannot be read", number_format.count(refused)),
        ("Dropped: interactions of other dates", number_format.count(check.get("num_outside"))),
        (
            "Dropped: those of days before the first",
            number_format.count(None if before is None else sum(before.values())),
        ),
    ]


def _gated(gate: Mapping) -> list[tuple[str, str]]:
    """Returns what the gates saw; the ends of intervals are those of today's model minus yesterday's."""
    expired = gate.get("expired_fractions", {})
    of_day, before = gate.get("to_yesterday") or {}, gate.get("to_yesterday_before") or {}
    return [
        ("Recall@20 on the day by training on it", number_format.interval(of_day.get("low"), of_day.get("high"))),
        ("Recall@20 before the day by training", number_format.interval(before.get("low"), before.get("high"))),
        ("Questions before the day", number_format.count(gate.get("num_window_questions"))),
        ("Query ids expired", number_format.percent(expired.get("query_id"))),
        ("Candidate ids expired", number_format.percent(expired.get("candidate_id"))),
        ("Embedding lengths to yesterday's", number_format.decimal(gate.get("length_ratio"), 3)),
    ]


def _row(day: Mapping) -> tuple[str, list[str]]:
    stages = day["stages"]
    check, evaluation, training = (stages.get(name, {}) for name in ("check", "evaluate", "train"))
    vocabulary = training.get("vocabularies", {}).get("candidate_id", {})
    difference = evaluation.get("difference", {}).get(_METRIC, {})
    seconds = day["seconds"]
    losses = training.get("losses") or [None]
    return day["date"], [
        str(day["outcome"] or number_format.DASH),
        number_format.plain(stages.get("publish", {}).get("version")),
        number_format.count(check.get("num_interactions")),
        number_format.count(evaluation.get("num_interactions")),
        number_format.count(evaluation.get("num_of_unknown_candidates")),
        number_format.decimal(_metric(day, "model")),
        number_format.decimal(_metric(day, "popularity")),
        number_format.interval(difference.get("low"), difference.get("high")),
        number_format.decimal(losses[-1]),
        *(number_format.count(vocabulary.get(name)) for name in ("known", "new", "expired")),
        number_format.decimal(None if seconds is None else seconds / 60, 1),
    ]


def _metrics(evaluation: Mapping) -> list[tuple[str, list[str]]]:
    return [
        (
            name,
            [
                number_format.decimal(value),
                number_format.interval(*evaluation["intervals"][name]),
                number_format.decimal(evaluation["popularity"][name]),
            ],
        )
        for name, value in evaluation["model"].items()
    ]


def _drift(drift: Mapping) -> tuple[str, list[str]]:
    values = [number_format.decimal(drift[name]) for name in ("stability_index", "of_chance")]
    return drift["name"], [*values, number_format.count(drift["num_groups"])]


def _metric(day: Mapping, who: str) -> float | None:
    return day["stages"].get("evaluate", {}).get(who, {}).get(_METRIC)
