"""Turns what a run found into the sections of the page; a section without its numbers is `None`."""

import datetime
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipelines.report import decile_chart, metric_names, sentences, training_charts
from pipelines.report.number_format import (
    count,
    decimal,
    duration,
    is_number,
    milliseconds,
    percent,
    plain,
    relative_difference,
)

_NUM_RECENT = 10
_ONE_DIGIT = functools.partial(decimal, digits=1)


def page(report: Mapping) -> dict[str, Any]:
    """Returns everything that the template shows, numbers already written."""
    evaluation = report.get("evaluation") or {}
    watched = (report.get("configuration") or {}).get("early_stop_metric")
    return {
        "title": report.get("title") or "Recommender",
        "created": report.get("created"),
        "created_shown": _moment(report.get("created") or ""),
        "headline": sentences.headline(evaluation),
        "question": sentences.question(evaluation),
        "rivals": _rivals(evaluation),
        "sample": _sample(report.get("serving") or {}),
        "accuracy": _accuracy(evaluation),
        "training": _training(report.get("training") or {}, watched),
        "popularity_bias": _popularity_bias(evaluation),
        "data": _data(report.get("data") or {}),
        "index": _index(report.get("index") or {}, report.get("serving") or {}),
        "stages": _stages(report.get("stages") or []),
        "configuration": _options(report.get("configuration")),
        "versions": _options(report.get("versions")),
    }


def _moment(created: str) -> str:
    """Returns an ISO time to the minute in UTC; other text stays as it is."""
    try:
        return f"{datetime.datetime.fromisoformat(created).astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return created


def _rivals(evaluation: Mapping) -> list[dict] | None:
    """Returns model and popularity for the bars under the headline."""
    shares = {name: (evaluation.get(name) or {}).get("recall_at_10") for name in ("model", "popularity")}
    if not all(map(is_number, shares.values())) or not any(shares.values()):
        return None
    longest = max(shares.values())
    return [
        {"name": name, "shown": percent(share), "width": f"{100.0 * share / longest:.2f}"}
        for name, share in shares.items()
    ]


def _sample(serving: Mapping) -> dict | None:
    recommendations = serving.get("recommendations")
    if not recommendations:
        return None
    history = [_named(each) for each in reversed(serving.get("history") or [])]
    return {
        "query_id": plain(serving.get("query_id")),
        "features": [(name, plain(value)) for name, value in (serving.get("features") or {}).items()],
        "has_history": "history" in serving,
        "recent": history[:_NUM_RECENT],
        "earlier": history[_NUM_RECENT:],
        "recommendations": [
            {**_named(each), "score": decimal(each.get("score"), 3), "genres": ", ".join(each.get("genres") or [])}
            for each in recommendations
        ],
        "summary": sentences.serving_summary(serving),
    }


def _named(candidate: Mapping) -> dict:
    """Returns a candidate's id and what to call it: its title, or the id where it has none."""
    title = candidate.get("title")
    return {"id": candidate["candidate_id"] if title else None, "name": title or candidate["candidate_id"]}


def _accuracy(evaluation: Mapping) -> dict | None:
    model, popularity = evaluation.get("model"), evaluation.get("popularity")
    if not model:
        return None
    rows = [
        {
            "name": metric_names.label(name),
            "model": decimal(model[name]),
            "popularity": decimal((popularity or {}).get(name)),
            "difference": relative_difference(model[name], (popularity or {}).get(name)),
        }
        for name in metric_names.ranking_metrics(model)
    ]
    return {
        "rows": rows,
        "has_popularity": bool(popularity),
        "split": evaluation.get("split") or "held-out",
        "asked_per_query": evaluation.get("ask_per") == "query",
    }


def _training(training: Mapping, watched: str | None) -> dict | None:
    history, best_epoch = training.get("history"), training.get("best_epoch")
    if not history:
        return None
    validations = [record.get("validation") or {} for record in history]
    names = metric_names.ranking_metrics({name for metrics in validations for name in metrics})
    return {
        "summary": sentences.training_summary(training, watched),
        "charts": training_charts.training_charts(history, best_epoch, watched) if len(history) > 1 else [],
        "columns": ["Loss", *map(metric_names.label, names), "Seconds"],
        "rows": [
            {
                "epoch": record["epoch"],
                "is_kept": record["epoch"] == best_epoch,
                "cells": [
                    decimal(record.get("loss")),
                    *(decimal(metrics.get(name)) for name in names),
                    decimal(record.get("seconds"), 1),
                ],
            }
            for record, metrics in zip(history, validations, strict=True)
        ],
    }


def _popularity_bias(evaluation: Mapping) -> dict | None:
    model, popularity = evaluation.get("model") or {}, evaluation.get("popularity") or {}
    ours = model.get("popularity_decile_shares_at_10")
    baseline = popularity.get("popularity_decile_shares_at_10")
    targets = model.get("popularity_decile_shares_of_targets")
    if not ours or not targets:
        return None
    columns = {"Model": ours, "Popularity": baseline, "Held-out": targets}
    shown = {name: shares for name, shares in columns.items() if shares}
    means = (
        ("Recommended by the model", model.get("mean_popularity_at_10"), _ONE_DIGIT),
        ("Recommended by popularity", popularity.get("mean_popularity_at_10"), _ONE_DIGIT),
        ("Held-out interactions", model.get("mean_popularity_of_targets"), _ONE_DIGIT),
    )
    return {
        "sentence": sentences.popularity_bias(ours, baseline, targets),
        "chart": decile_chart.decile_chart(ours, baseline, targets),
        "means": _facts(means),
        "columns": list(shown),
        "rows": [[percent(share) for share in row] for row in zip(*shown.values(), strict=True)],
    }


def _data(data: Mapping) -> dict | None:
    interactions = data.get("interactions") or {}
    facts = [(f"{split.capitalize()} interactions", count(number)) for split, number in interactions.items()]
    facts += [(name.capitalize(), count(data[name])) for name in ("queries", "candidates") if name in data]
    if data.get("time_range"):
        facts.append(("Time range", " to ".join(data["time_range"])))
    counted = {key: _reasons(data.get(key) or {}) for key in ("drops", "removed_values")}
    return {"facts": facts, **counted} if facts or any(counted.values()) else None


def _reasons(counts: Mapping) -> list[tuple[str, str]]:
    return [(reason.replace("_", " "), count(number)) for reason, number in counts.items()]


def _index(index: Mapping, serving: Mapping) -> list[tuple[str, str]] | None:
    """Returns facts on what was exported and on the server that answered with it."""
    k = index.get("k")
    return _facts(
        [
            ("Model", serving.get("model_name"), plain),
            ("Version", serving.get("version"), plain),
            ("Index", index.get("index"), plain),
            ("Candidates", index.get("num_candidates"), count),
            ("Embedding width", index.get("embedding_dim"), count),
            ("Candidates per answer", k, count),
            (f"Index recall@{count(k)}" if k else "Index recall", index.get("index_recall"), decimal),
            ("Answer over REST", serving.get("rest_milliseconds"), milliseconds),
            ("Answer over gRPC", serving.get("grpc_milliseconds"), milliseconds),
        ]
    )


def _facts(facts: Iterable[tuple[str, Any, Callable[[Any], str]]]) -> list[tuple[str, str]] | None:
    return [(name, write(value)) for name, value, write in facts if value is not None] or None


def _stages(stages: list[Mapping]) -> dict | None:
    if not stages:
        return None
    seconds = [stage["seconds"] for stage in stages if is_number(stage.get("seconds"))]
    longest = max(seconds, default=0.0) or 1.0
    rows = [
        {
            "name": stage["name"],
            "seconds": duration(stage.get("seconds")),
            "width": f"{100.0 * stage['seconds'] / longest:.2f}" if is_number(stage.get("seconds")) else None,
            "reused": bool(stage.get("reused")),
        }
        for stage in stages
    ]
    return {"rows": rows, "total": duration(sum(seconds))}


def _options(options: Mapping | None) -> list[tuple[str, str]] | None:
    return [(name, plain(value)) for name, value in options.items()] if options else None
