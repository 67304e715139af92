"""The parts of a report that its larger sections show, small and with numbers that are easy to tell apart."""

from tests.pipelines.report import example_report

METRICS = ("recall_at_10", "ndcg_at_10", "mrr")
DECILE_COUNTS = (100, 50, 25, 10, 5, 4, 3, 2, 1, 0)


def full_report() -> dict:
    """Returns a fresh report with every section, of two models."""
    report = example_report.example_report()
    report["evaluation"] |= evaluation_of_two()
    report["evaluation"]["index"] = {
        "index": "partitioned_index",
        "recall_at_10": {"exact": 0.1431, "served": 0.1411, "loss": 0.002},
        "ndcg_at_10": {"exact": 0.0726, "served": 0.0726, "loss": 0.0},
    }
    report["index"]["trade_off"] = [
        {"name": "leaves", "value": value, "share": value / 64, "recall": recall, "is_chosen": value == 8}
        for value, recall in ((4, 0.81), (8, 0.95), (16, 0.99))
    ]
    report["training"]["early_stop_metric"] = "recall_at_10"
    report["comparison"] = compared()
    report["correction"] = {
        "evaluation": {**report["evaluation"], "split": "validation"},
        **compared(("log_q_correction=yi2019", "log_q_correction=none")),
    }
    report["frequency"] = calibration()
    report["embeddings"] = embeddings()
    report["samples"] = [sample("196"), sample("22")]
    return report


def evaluation_of_two() -> dict:
    """Returns what an evaluation of two models has beyond that of one."""
    names = {"model": 0.3, "popularity": 0.1, "other_model": 0.2}
    return {
        "other_model": {
            **{"recall_at_10": 0.12, "ndcg_at_10": 0.06, "mrr": 0.05},
            "mean_popularity_at_10": 300.0,
            "popularity_decile_shares_at_10": [0.7, 0.3, *([0.0] * 8)],
        },
        "intervals": {name: {metric: [level, level + 0.05] for metric in METRICS} for name, level in names.items()},
        "differences": {
            "popularity": {metric: _difference(0.07, 0.05, 0.09, 0.0002) for metric in METRICS},
            "other_model": {metric: _difference(-0.02, -0.04, 0.01, 0.21) for metric in METRICS},
        },
        "slices": {name: slices(level) for name, level in names.items()},
    }


def slices(level: float) -> list[dict]:
    """Returns the slices of a model whose recall is about `level`."""
    deciles = [_slice("popularity_decile", str(place + 1), n, level) for place, n in enumerate(DECILE_COUNTS)]
    return [
        _slice("query", "new", 0, level),
        _slice("query", "known", 200, level),
        *deciles,
        _slice("region", "north & <b>south</b>", 150, level),
        _slice("region", "(missing)", 50, level),
    ]


def compared(names: tuple[str, str] = ("model_a", "model_b")) -> dict:
    """Returns two models that differ in one option."""
    training = example_report.example_report()["training"]
    return {
        "names": list(names),
        "differences": [{"option": "log_q_correction", "values": ["yi2019", "none"]}],
        "training": [training, training],
    }


def calibration() -> dict:
    """Returns two groups of candidates, the rarer one estimated at twice its share."""
    rare = {"num_ids": 7, "observed": 1e-4, "estimated": 2e-4, "low_ratio": 1.5, "high_ratio": 2.5}
    common = {"num_ids": 3, "observed": 1e-2, "estimated": 1e-2, "low_ratio": 0.9, "high_ratio": 1.1}
    return {"bins": [rare, common], "mean_log_error": 0.0589, "num_unseen": 4, "unseen_estimate": 8.1e-7}


def embeddings(num_points: int = 20) -> dict:
    """Returns dots on a line, two for each tenth."""
    return {
        "num_candidates": 1682,
        "kept_variance": [0.165, 0.11],
        "points": [
            {
                "candidate_id": f"c{place}",
                "title": f"Film {place}" if place else None,
                "num_interactions": 1000 - place,
                "tenth": 1 + place * 10 // num_points,
                "x": float(place),
                "y": -float(place),
            }
            for place in range(num_points)
        ],
    }


def sample(query_id: str) -> dict:
    """Returns a query whose held-out candidate is its second answer."""
    return {
        "query_id": query_id,
        "features": {"age": 49.0},
        "num_history": 57,
        "history": [{"candidate_id": "242", "title": "Kolya"}],
        "held_out": {"candidate_id": "100", "title": "Fargo", "rank": 2},
        "recommendations": [
            {"candidate_id": "50", "title": "Star Wars", "score": 0.8123, "is_held_out": False},
            {"candidate_id": "100", "title": "Fargo", "score": 0.7456, "is_held_out": True},
        ],
    }


def _slice(grouping: str, group: str, count: int, level: float) -> dict:
    figures = {"mean": level if count else None, "low": level - 0.05 if count else 0.0, "high": level + 0.05}
    return {"grouping": grouping, "group": group, "count": count, "metrics": {"recall_at_10": figures}}


def _difference(mean: float, low: float, high: float, p_value: float) -> dict:
    return {"mean": mean, "low": low, "high": high, "p_value": p_value}
