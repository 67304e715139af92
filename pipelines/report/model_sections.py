"""The sections on models themselves: training, what two differ in, frequencies, the correction, the map, the index."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipelines.report import (
    calibration_chart,
    evaluation_sections,
    metric_names,
    sentences,
    trade_off_chart,
    training_charts,
)
from pipelines.report import rivals as rivals_lib
from pipelines.report.number_format import count, decimal, milliseconds, percent, plain, scientific, signed


def training(card: Mapping) -> dict | None:
    """Returns curves and figures of every epoch."""
    history, best_epoch, watched = card.get("history"), card.get("best_epoch"), card.get("early_stop_metric")
    if not history:
        return None
    validations = [record.get("validation") or {} for record in history]
    names = metric_names.ranking_metrics({name for metrics in validations for name in metrics})
    return {
        "summary": sentences.training_summary(card, watched),
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


def comparison(compared: Mapping | None) -> dict | None:
    """Returns what two models differ in, and their validation curves in one chart."""
    if not compared:
        return None
    return {
        "names": compared["names"],
        "differences": _differences(compared),
        "chart": training_charts.comparison_chart(
            "compared-training", compared["names"], [each["history"] for each in compared["training"]]
        ),
    }


def correction(compared: Mapping | None) -> dict | None:
    """Returns what the logQ correction does to recall, by tenth of popularity."""
    if not compared:
        return None
    evaluation = compared["evaluation"]
    rivals = [
        each for each in rivals_lib.rivals_of(evaluation, compared["names"]) if each.key in ("model", "other_model")
    ]
    return {
        "sentence": sentences.correction(evaluation, compared["names"]),
        "names": compared["names"],
        "differences": _differences(compared),
        "deciles": evaluation_sections.deciles(evaluation, rivals, "correction-deciles"),
        "tables": evaluation_sections.differences(evaluation, rivals),
        "chart": training_charts.comparison_chart(
            "correction-training", compared["names"], [each["history"] for each in compared["training"]]
        ),
    }


def frequencies(calibration: Mapping | None) -> dict | None:
    """Returns the estimated sampling probabilities beside what came."""
    if not calibration or not calibration["bins"]:
        return None
    return {
        "chart": calibration_chart.calibration_chart(calibration["bins"]),
        "facts": _facts(
            [
                ("Mean |log(estimated / observed)|", calibration["mean_log_error"], decimal),
                ("Candidates that never came", calibration["num_unseen"], count),
                ("Estimate for those", calibration["unseen_estimate"], scientific),
            ]
        ),
        "rows": [
            (
                scientific(each["observed"]),
                [
                    count(each["num_ids"]),
                    scientific(each["estimated"]),
                    f"{decimal(each['low_ratio'], 2)} to {decimal(each['high_ratio'], 2)}",
                ],
            )
            for each in calibration["bins"]
        ],
    }


def index(card: Mapping, serving: Mapping, loss: Mapping | None) -> dict | None:
    """Returns facts on what was exported, what its index trades and loses, and how fast it answered."""
    k, points = card.get("k"), card.get("trade_off")
    facts = _facts(
        [
            ("Model", serving.get("model_name"), plain),
            ("Version", serving.get("version") or card.get("version"), plain),
            ("Index", card.get("index"), plain),
            ("Candidates", card.get("num_candidates"), count),
            ("Embedding width", card.get("embedding_dim"), count),
            ("Candidates per answer", k, count),
            (f"Index recall@{count(k)}" if k else "Index recall", card.get("index_recall"), decimal),
            ("Answer over REST", serving.get("rest_milliseconds"), milliseconds),
            ("Answer over gRPC", serving.get("grpc_milliseconds"), milliseconds),
        ]
    )
    if not facts:
        return None
    return {
        "facts": facts,
        "chart": trade_off_chart.trade_off_chart(points, k) if points else None,
        "points": [(count(each["value"]), [percent(each["share"]), decimal(each["recall"])]) for each in points or []],
        "reads_everything": points is not None and not points,
        "loss": _index_loss(loss or {}),
    }


def _index_loss(loss: Mapping) -> list[tuple[str, list[str]]]:
    return [
        (
            metric_names.label(name),
            [
                decimal(loss[name]["exact"]),
                decimal(loss[name]["served"]),
                signed(loss[name]["served"] - loss[name]["exact"]),
            ],
        )
        for name in metric_names.ranking_metrics(loss)
    ]


def _differences(compared: Mapping) -> list[tuple[str, list[str]]]:
    return [(each["option"], [plain(value) for value in each["values"]]) for each in compared["differences"]]


def _facts(facts: Iterable[tuple[str, Any, Callable[[Any], str]]]) -> list[tuple[str, str]] | None:
    return [(name, write(value)) for name, value, write in facts if value is not None] or None
