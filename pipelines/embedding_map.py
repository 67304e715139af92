"""A bounded sample of the candidates' embeddings in two dimensions, with their titles."""

import numpy as np

from pipelines import prepared_data
from tfrs_model.diagnostics import principal_components
from tfrs_model.metrics import popularity

MAX_POINTS = 2000


def draw(data: prepared_data.PreparedData, embeddings: np.ndarray) -> dict:
    """Returns the map as a JSON object: its size, the variance it keeps, and `points`, the most popular first.

    Args:
      data: what the embeddings are of.
      embeddings: `[num_candidates, embedding_dim]`, in corpus order.
    """
    counts = data.training_counts()
    rows = sample_rows(counts)
    projected = principal_components.project(embeddings[rows])
    tenths = popularity.popularity_deciles(counts) + 1
    sampled = data.corpus.take(rows)
    ids = sampled["candidate_id"].to_pylist()
    titles = sampled["title"].to_pylist() if "title" in sampled.column_names else [None] * len(ids)
    return {
        "num_candidates": data.corpus.num_rows,
        "kept_variance": projected.kept_variance.tolist(),
        "points": [
            {
                "candidate_id": ids[place],
                "title": titles[place],
                "num_interactions": int(counts[row]),
                "tenth": int(tenths[row]),
                "x": round(float(projected.coordinates[place, 0]), 5),
                "y": round(float(projected.coordinates[place, 1]), 5),
            }
            for place, row in enumerate(rows)
        ],
    }


def sample_rows(counts: np.ndarray, max_points: int = MAX_POINTS) -> np.ndarray:
    """Returns corpus rows, evenly spaced in the order of popularity; all of them where they are few.

    Args:
      counts: `[num_candidates]` training interactions; ties are in the order of rows.
      max_points: at most so many, >= 2.
    """
    order = np.argsort(-np.asarray(counts, np.int64), kind="stable")
    if len(order) <= max_points:
        return order
    return order[np.linspace(0, len(order) - 1, max_points).astype(np.int64)]
