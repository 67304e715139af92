"""What a ranking is worth: recall, NDCG, MRR, coverage and popularity bias."""

from collections.abc import Sequence

import numpy as np

_NUM_DECILES = 10


class MetricsError(ValueError):
    """Answers and targets that have no such metric; the message says which rule they break."""


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


def summarize_targets(
    top_rows: np.ndarray, target_rows: np.ndarray, target_splits: np.ndarray, ks: Sequence[int]
) -> dict[str, float]:
    """Averages recall@k and NDCG@k over queries with any number of targets each.

        recall@k = |top k that are targets| / |targets|
        DCG@k    = sum of 1 / log2(rank + 1) over the targets of rank <= k
        NDCG@k   = DCG@k / what min(k, |targets|) targets on the first ranks would have

    Each query counts alike, however many targets it has. With targets {1, 4, 6} and the
    answer [4, 9, 1, 7], recall@3 = 2/3 and NDCG@3 = (1 + .5) / (1 + .631 + .5) = .704.

    Args:
      top_rows: `[num_queries, depth]` corpus rows, best first, none twice for a query; -1 stands for no candidate.
      target_rows: `[num_targets]` corpus rows, query after query; one given twice for a query counts once.
      target_splits: `[num_queries + 1]` int64; query i has the targets
        `target_rows[target_splits[i]:target_splits[i + 1]]`, at least one.
      ks: cut-offs, each in [1, `depth`].

    Returns:
      `recall_at_{k}` and `ndcg_at_{k}` for each k; all NaN without queries.

    Raises:
      MetricsError: if a cut-off is deeper than the answers, or a query has no target.
    """
    num_queries, depth = top_rows.shape
    if not all(1 <= k <= depth for k in ks):
        raise MetricsError(f"Cut-offs must be between 1 and the {depth} candidates of an answer, but are {tuple(ks)}.")
    if not num_queries:
        return {f"{metric}_at_{k}": float("nan") for k in ks for metric in ("recall", "ndcg")}
    is_target, num_targets = _found_targets(top_rows, target_rows, target_splits)
    if not num_targets.all():
        raise MetricsError(f"Every query must have a target, but {np.sum(num_targets == 0)} have none; leave them out.")
    discounts = 1.0 / np.log2(np.arange(depth) + 2.0)
    found, gained, ideal = np.cumsum(is_target, axis=1), np.cumsum(is_target * discounts, axis=1), np.cumsum(discounts)
    summary = {}
    for k in ks:
        summary[f"recall_at_{k}"] = float(np.mean(found[:, k - 1] / num_targets))
        summary[f"ndcg_at_{k}"] = float(np.mean(gained[:, k - 1] / ideal[np.minimum(k, num_targets) - 1]))
    return summary


def _found_targets(
    top_rows: np.ndarray, target_rows: np.ndarray, target_splits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which of the answers are targets of their query, and how many different targets each query has."""
    num_queries = len(top_rows)
    # One integer for each (query, row); row -1 becomes 0, which no target is.
    width = 2 + max(top_rows.max(initial=-1), target_rows.max(initial=-1))
    first = np.arange(num_queries, dtype=np.int64) * width
    targets = np.unique(np.repeat(first, np.diff(target_splits)) + target_rows + 1)
    is_target = np.isin(first[:, np.newaxis] + top_rows + 1, targets)
    return is_target, np.bincount(targets // width, minlength=num_queries)


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
