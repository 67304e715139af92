"""A report as the quick start writes it, small and with numbers that are easy to tell apart."""

import math

METRICS = (*(f"{name}_at_{k}" for k in (10, 20, 50, 100) for name in ("recall", "ndcg")), "mrr")
TARGET_SHARES = [0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01]


def example_report(num_epochs: int = 5, best_epoch: int = 4) -> dict:
    """Returns a fresh report with every key."""
    return {
        "title": "MovieLens-100K",
        "created": "2026-01-02T03:04:05Z",
        "versions": {"tfrs-two-tower": "0.1.0", "tensorflow": "2.20.0"},
        "data": {
            "interactions": {"train": 98114, "validation": 943, "test": 941},
            "queries": 942,
            "candidates": 1682,
            "drops": {"timestamp_out_of_range": 17},
            "removed_values": {"candidate.genres_empty_value": 1234},
            "time_range": ["1997-09-20", "1998-04-22"],
        },
        "configuration": {"early_stop_metric": "recall_at_10", "query_hidden_units": [128, 64], "dropout": 0.25},
        "training": {
            "history": [_epoch(number) for number in range(1, num_epochs + 1)],
            "best_epoch": best_epoch,
            "seconds": 61.04,
        },
        "evaluation": {
            "split": "test",
            "ask_per": "interaction",
            "num_interactions": 941,
            "num_candidates": 1682,
            "model": {
                **dict(
                    zip(METRICS, (0.1431, 0.0726, 0.2338, 0.0951, 0.3998, 0.1281, 0.5811, 0.1575, 0.0668), strict=True)
                ),
                "coverage_at_10": 0.3079,
                "mean_popularity_at_10": 233.35,
                "mean_popularity_of_targets": 151.25,
                "popularity_decile_shares_at_10": [0.64, 0.2, 0.06, 0.04, 0.02, 0.01, 0.01, 0.01, 0.005, 0.005],
                "popularity_decile_shares_of_targets": TARGET_SHARES,
            },
            "popularity": {
                **dict(
                    zip(METRICS, (0.0731, 0.0338, 0.1259, 0.0469, 0.2301, 0.0673, 0.3446, 0.0858, 0.0327), strict=True)
                ),
                "coverage_at_10": 0.0541,
                "mean_popularity_at_10": 416.67,
                "mean_popularity_of_targets": 151.25,
                "popularity_decile_shares_at_10": [1.0] + [0.0] * 9,
                "popularity_decile_shares_of_targets": TARGET_SHARES,
            },
        },
        "index": {
            "index": "scann_index",
            "index_recall": 0.9987,
            "k": 100,
            "num_candidates": 1682,
            "embedding_dim": 64,
        },
        "serving": {
            "model_name": "movielens",
            "version": 3,
            "query_id": "196",
            "features": {"age": 49.0, "occupation": "writer"},
            "history": [{"candidate_id": "242", "title": "Kolya"}, {"candidate_id": "393", "title": "Mrs. Doubtfire"}],
            "recommendations": [
                {"candidate_id": "50", "title": "Star Wars", "score": 0.8123, "genres": ["Action", "War"]},
                {"candidate_id": "100", "title": "Fargo", "score": 0.7456},
            ],
            "rest_milliseconds": 3.12,
            "grpc_milliseconds": 1.26,
            "rest_and_grpc_agree": True,
        },
        "stages": [
            {"name": "prepare", "seconds": 2.31, "reused": True},
            {"name": "train", "seconds": 61.04, "reused": False},
        ],
    }


def _epoch(number: int) -> dict:
    level = 1.0 - math.exp(-number)
    validation = {name: level * (0.1 + 0.05 * place) for place, name in enumerate(METRICS)}
    return {"epoch": number, "loss": 7.0 - level, "seconds": 3.0 + number, "validation": validation}
