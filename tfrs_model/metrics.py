"""What a ranking is worth: recall, NDCG, MRR, coverage and popularity bias."""

from collections.abc import Sequence

import numpy as np

_NUM_DECILES = 10


def summarize_ranks(ranks: np.ndarray, ks: Sequence[int]) -> dict[str, float]:
    """Averages recall@k, NDCG@k and the reciprocal rank over queries with one target each.

    With one target, recall@k is the share of ranks <= k and NDCG@k is
    1 / log2(rank + 1) where rank <= k, else 0. Ranks [1, 3] give recall@1 = .5,
    NDCG@3 = (1 + .5) / 2 = .75 and MRR = (1 + 1/3) / 2 = .667.

    Args:
      ranks: `[num_queries]` integers, 1 is the top.
      ks: cut-offs, each >= 1.

    Returns:
      `recall_at_{k}` and `ndcg_at_{k}` for each k, and `mrr`; all NaN without queries.
    """
    ranks = np.asarray(ranks, np.float64)
    if ranks.size == 0:
        names = [f"{metric}_at_{k}" for k in ks for metric in ("recall", "ndcg")]
        return dict.fromkeys([*names, "mrr"], float("nan"))
    summary = {}
    for k in ks:
        summary[f"recall_at_{k}"] = float(np.mean(ranks <= k))
        summary[f"ndcg_at_{k}"] = float(np.mean(np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0)))
    summary["mrr"] = float(np.mean(1.0 / ranks))
    return summary


def coverage(top_rows: np.ndarray, num_candidates: int) -> float:
    """Returns the share of the corpus that is recommended to anybody; -1 stands for no candidate."""
    return len(np.unique(top_rows[top_rows >= 0])) / num_candidates


def popularity_shares(rows: np.ndarray, counts: np.ndarray) -> list[float]:
    """Returns how much of `rows` falls into each tenth of the corpus, most popular tenth first.

    Args:
      rows: corpus rows, any shape; -1 is left out.
      counts: `[num_candidates]` training interactions of each candidate; ties are
        cut by row, so that the tenths are of equal size to one candidate.

    Returns:
      Ten shares that sum to 1; all 0 if there are no rows.
    """
    order = np.argsort(-np.asarray(counts, np.int64), kind="stable")
    decile = np.empty(len(order), np.int64)
    decile[order] = np.arange(len(order)) * _NUM_DECILES // len(order)
    found = decile[rows[rows >= 0]]
    return (np.bincount(found, minlength=_NUM_DECILES) / max(1, found.size)).tolist()


def mean_popularity(rows: np.ndarray, counts: np.ndarray) -> float:
    """Returns the mean number of training interactions of `rows`; -1 is left out, NaN without rows."""
    found = np.asarray(counts)[rows[rows >= 0]]
    return float(np.mean(found)) if found.size else float("nan")
