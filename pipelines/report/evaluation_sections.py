"""The sections on what the answers of models are worth: accuracy, differences, slices, popularity bias."""

import functools
from collections.abc import Iterable, Mapping, Sequence

from pipelines.report import decile_chart, interval_chart, metric_names, sentences
from pipelines.report.number_format import (
    count,
    decimal,
    interval,
    is_number,
    p_value,
    percent,
    relative_difference,
    signed,
)
from pipelines.report.rivals import Rival

DECILES = "popularity_decile"
_SHOWN_IN_SLICES = "recall_at_10"
_OF_TARGETS = (DECILES, "candidate")
_GROUPINGS = {
    "query": "Queries that training saw, and new ones",
    "candidate": "Candidates that training saw, and new ones",
    "history_length": "Length of the history",
}
_RECOMMENDED_BY = {
    "model": "Recommended by the model",
    "other_model": "Recommended by {}",
    "popularity": "Recommended by popularity",
}
_ONE_DIGIT = functools.partial(decimal, digits=1)


def bars(evaluation: Mapping, rivals: Sequence[Rival]) -> list[dict] | None:
    """Returns those who answered, for the bars under the headline."""
    shares = [evaluation[rival.key].get("recall_at_10") for rival in rivals]
    if len(rivals) < 2 or not all(map(is_number, shares)) or not any(shares):
        return None
    longest = max(shares)
    return [
        {"name": rival.name, "css": rival.css_class, "shown": percent(share), "width": f"{100.0 * share / longest:.2f}"}
        for rival, share in zip(rivals, shares, strict=True)
    ]


def accuracy(evaluation: Mapping, rivals: Sequence[Rival]) -> dict | None:
    """Returns the table of metrics, with the interval of each under it."""
    model = evaluation.get("model")
    if not model:
        return None
    names, extras = metric_names.ranking_metrics(model), metric_names.further_metrics(model)
    intervals = evaluation.get("intervals") or {}

    def rows(chosen: Iterable[str]) -> list[dict]:
        return [
            {
                "name": metric_names.label(name),
                "cells": [_cell(evaluation, intervals, rival.key, name) for rival in rivals],
                "difference": relative_difference(model.get(name), (evaluation.get("popularity") or {}).get(name)),
            }
            for name in chosen
        ]

    return {
        "names": [rival.name for rival in rivals],
        "rows": rows(names),
        "further": rows(extras),
        "has_popularity": bool(evaluation.get("popularity")),
        "split": evaluation.get("split") or "held-out",
        "asked_per_query": evaluation.get("ask_per") == "query",
    }


def differences(evaluation: Mapping, rivals: Sequence[Rival]) -> list[dict]:
    """Returns by how much the model is better than each of the others, on the same questions."""
    found, tables = evaluation.get("differences") or {}, []
    for rival in rivals[1:]:
        by_metric = found.get(rival.key) or {}
        rows = [
            (
                metric_names.label(name),
                [
                    signed(by_metric[name]["mean"]),
                    interval(by_metric[name]["low"], by_metric[name]["high"]),
                    p_value(by_metric[name]["p_value"]),
                ],
            )
            for name in metric_names.ranking_metrics(by_metric)
        ]
        if rows:
            tables.append({"caption": f"{rivals[0].name} minus {rival.name}", "rows": rows})
    return tables


def deciles(evaluation: Mapping, rivals: Sequence[Rival], figure: str = "deciles") -> dict | None:
    """Returns recall by tenth of popularity of what was asked for, as a chart and a table."""
    found = _by_grouping(evaluation, rivals).get(DECILES)
    return _grouped(found, figure, "Recall@10 by popularity of what was asked for", rivals) if found else None


def slices(evaluation: Mapping, rivals: Sequence[Rival]) -> list[dict]:
    """Returns the other groupings, each as a chart, where it has two groups that are not empty, and a table."""
    shown = []
    for place, (name, found) in enumerate(_by_grouping(evaluation, rivals).items()):
        if name != DECILES:
            shown.append(_grouped(found, f"slice-{place}", _GROUPINGS.get(name, name), rivals))
    return shown


def popularity_bias(evaluation: Mapping, rivals: Sequence[Rival]) -> dict | None:
    """Returns how popular what is recommended is, beside what was chosen; the other model is in the table alone."""
    model, popularity = evaluation.get("model") or {}, evaluation.get("popularity") or {}
    ours = model.get("popularity_decile_shares_at_10")
    baseline = popularity.get("popularity_decile_shares_at_10")
    targets = model.get("popularity_decile_shares_of_targets")
    if not ours or not targets:
        return None
    shown = {each.name: evaluation[each.key].get("popularity_decile_shares_at_10") for each in rivals}
    shown = {name: shares for name, shares in {**shown, "Held-out": targets}.items() if shares}
    means = (
        *(
            (_RECOMMENDED_BY[each.key].format(each.name), evaluation[each.key].get("mean_popularity_at_10"))
            for each in rivals
        ),
        ("Held-out interactions", model.get("mean_popularity_of_targets")),
    )
    return {
        "sentence": sentences.popularity_bias(ours, baseline, targets),
        "chart": decile_chart.decile_chart(ours, baseline, targets),
        "means": [(name, _ONE_DIGIT(value)) for name, value in means if value is not None],
        "columns": list(shown),
        "rows": [
            (place, [percent(share) for share in row]) for place, row in enumerate(zip(*shown.values(), strict=True), 1)
        ],
    }


def _cell(evaluation: Mapping, intervals: Mapping, key: str, name: str) -> dict:
    low_and_high = (intervals.get(key) or {}).get(name)
    return {
        "mean": decimal(evaluation[key].get(name)),
        "interval": interval(*low_and_high, digits=3) if low_and_high else None,
    }


def _by_grouping(evaluation: Mapping, rivals: Sequence[Rival]) -> dict[str, list[list[Mapping]]]:
    """Returns by grouping its groups, each as the slices of those who answered."""
    found = evaluation.get("slices") or {}
    if not all(rival.key in found for rival in rivals):
        return {}
    groupings: dict[str, list[list[Mapping]]] = {}
    for group in zip(*(found[rival.key] for rival in rivals), strict=True):
        groupings.setdefault(group[0]["grouping"], []).append(list(group))
    return groupings


def _grouped(groups: Sequence[Sequence[Mapping]], figure: str, title: str, rivals: Sequence[Rival]) -> dict:
    asked = "Targets" if groups[0][0]["grouping"] in _OF_TARGETS else "Count"
    names = [group[0]["group"] for group in groups]
    measured = [[_measured(each) for each in by_rival] for by_rival in zip(*groups, strict=True)]
    drawn = sum(group[0]["count"] > 0 for group in groups) > 1
    chart = interval_chart.interval_chart(
        figure, title, names, list(zip(rivals, measured, strict=True)), "Recall@10, with 95% intervals"
    )
    return {
        "title": title,
        "chart": chart if drawn else None,
        "columns": ["Group", asked, *(rival.name for rival in rivals)],
        "rows": [
            (
                group[0]["group"],
                [count(group[0]["count"]), *(_written(each[place]) for each in measured)],
            )
            for place, group in enumerate(groups)
        ],
    }


def _measured(each: Mapping) -> interval_chart.Measured:
    if not each["count"]:
        return interval_chart.Measured(None, None, None)
    figures = each["metrics"][_SHOWN_IN_SLICES]
    return interval_chart.Measured(figures["mean"], figures["low"], figures["high"])


def _written(measured: interval_chart.Measured) -> str | dict[str, str]:
    if not is_number(measured.mean):
        return decimal(None)
    return {"mean": percent(measured.mean), "interval": f"{percent(measured.low)} to {percent(measured.high)}"}
