"""Turns what a run found into the sections of the page; a section without its numbers is `None`."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report import evaluation_sections, map_section, model_sections, rivals, sentences
from pipelines.report.number_format import count, decimal, duration, is_number, plain
from pipelines.report.short_text import shortened

_NUM_RECENT = 10
_MAX_TITLE = 200
# Sections of the page in order, with what the list of contents calls them.
_CONTENTS = (
    ("sample", "One query"),
    ("samples", "Sample queries"),
    ("accuracy", "Accuracy"),
    ("comparison", "Two models"),
    ("deciles", "By popularity"),
    ("slices", "By slice"),
    ("popularity_bias", "Popularity bias"),
    ("correction", "LogQ correction"),
    ("frequencies", "Frequency estimate"),
    ("training", "Training"),
    ("map", "Embedding map"),
    ("index", "Index"),
    ("data", "Data"),
    ("run", "This run"),
)


def page(report: Mapping) -> dict[str, Any]:
    """Returns everything that the template shows, numbers already written."""
    evaluation, serving = report.get("evaluation") or {}, report.get("serving") or {}
    answered = rivals.rivals_of(evaluation, (report.get("comparison") or {}).get("names"))
    shown = {
        "sample": _sample(serving),
        "samples": [_question(each) for each in report.get("samples") or []],
        "accuracy": evaluation_sections.accuracy(evaluation, answered),
        "comparison": model_sections.comparison(report.get("comparison")),
        "deciles": evaluation_sections.deciles(evaluation, answered),
        "slices": evaluation_sections.slices(evaluation, answered),
        "popularity_bias": evaluation_sections.popularity_bias(evaluation, answered),
        "correction": model_sections.correction(report.get("correction")),
        "frequencies": model_sections.frequencies(report.get("frequency")),
        "training": model_sections.training(report.get("training") or {}),
        "map": map_section.embedding_map(report.get("embeddings")),
        "index": model_sections.index(report.get("index") or {}, serving, evaluation.get("index")),
        "data": _data(report.get("data") or {}),
        "run": _run(report),
    }
    return {
        **shown,
        "title": report.get("title") or "Recommender",
        "created": report.get("created"),
        "created_shown": _moment(report.get("created") or ""),
        "headline": sentences.headline(evaluation),
        "question": sentences.question(evaluation),
        "other_data": sentences.trained_on_other_data(evaluation, {each.key: each.name for each in answered}),
        "rivals": evaluation_sections.bars(evaluation, answered),
        "differences": evaluation_sections.differences(evaluation, answered),
        "contents": [(key.replace("_", "-"), name) for key, name in _CONTENTS if shown[key]],
    }


def _moment(created: str) -> str:
    """Returns an ISO time to the minute in UTC; other text stays as it is."""
    try:
        return f"{datetime.datetime.fromisoformat(created).astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return created


def _sample(serving: Mapping) -> dict | None:
    if not serving.get("recommendations"):
        return None
    return {**_asked(serving), "summary": sentences.serving_summary(serving)}


def _question(sample: Mapping) -> dict:
    """Returns one of the sample queries, with what it chose in truth."""
    held_out = sample["held_out"]
    return {
        **_asked(sample),
        "num_history": count(sample["num_history"]),
        "held_out": _named(held_out),
        "rank": count(held_out["rank"]),
    }


def _asked(sample: Mapping) -> dict:
    history = [_named(each) for each in reversed(sample.get("history") or [])]
    return {
        "query_id": plain(sample.get("query_id")),
        "features": [(name, plain(value)) for name, value in (sample.get("features") or {}).items()],
        "has_history": "history" in sample,
        "recent": history[:_NUM_RECENT],
        "earlier": history[_NUM_RECENT:],
        "recommendations": [
            {
                **_named(each),
                "score": decimal(each.get("score"), 3),
                "genres": ", ".join(each.get("genres") or []),
                "is_held_out": bool(each.get("is_held_out")),
            }
            for each in sample["recommendations"]
        ],
    }


def _named(candidate: Mapping) -> dict:
    """Returns a candidate's id and what to call it: its title, or the id where it has none."""
    title, candidate_id = candidate.get("title"), shortened(candidate["candidate_id"], _MAX_TITLE)
    if not title:
        return {"id": None, "name": candidate_id}
    return {"id": candidate_id, "name": shortened(plain(title), _MAX_TITLE)}


def _data(data: Mapping) -> dict | None:
    interactions = data.get("interactions") or {}
    facts = [(f"{split.capitalize()} interactions", count(number)) for split, number in interactions.items()]
    facts += [
        (name.replace("_", " ").capitalize(), count(value))
        for name, value in data.items()
        if is_number(value) and (value or name in ("queries", "candidates"))
    ]
    if data.get("time_range"):
        facts.append(("Time range", " to ".join(data["time_range"])))
    counted = {key: _reasons(data.get(key) or {}) for key in ("drops", "removed_values")}
    if not facts and not any(counted.values()):
        return None
    return {"facts": facts, **counted, "options": _options(data.get("options")), "has_drops": "drops" in data}


def _reasons(counts: Mapping) -> list[tuple[str, str]]:
    return [(reason.replace("_", " "), count(number)) for reason, number in counts.items()]


def _run(report: Mapping) -> dict | None:
    run = {
        "stages": _stages(report.get("stages") or []),
        "configuration": _options(report.get("configuration")),
        "versions": _options(report.get("versions")),
    }
    return run if any(run.values()) else None


def _stages(stages: Sequence[Mapping]) -> dict | None:
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
