"""How well answers find their targets: recall, NDCG, precision, hit rate, MAP and MRR of each question.

Every metric is between 0 and 1 and made of ranks alone, see `TargetRanks` for ties. With n targets
of the ranks r_1 < r_2 < ... < r_n and a cut-off k, of which m are <= k:

    recall@k    = m / n
    precision@k = m / k, also where fewer than k candidates could be answered
    hit_rate@k  = 1 if m > 0, else 0
    NDCG@k      = sum_{i <= m} 1 / log2(r_i + 1) / sum_{i <= min(k, n)} 1 / log2(i + 1)
    MAP@k       = sum_{i <= m} i / r_i / min(k, n)
    MRR         = 1 / r_1

NDCG is that of Järvelin and Kekäläinen (ACM TOIS 2002) with gains of 0 and 1 and the discount of Burges et
al. (ICML 2005). The best answer has NDCG@k and MAP@k of 1, as both compare with the min(k, n)
targets that k places can hold; trec_eval's `map_cut` divides by n instead.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.target_ranks import TargetRanks

AT_K = ("recall", "ndcg", "precision", "hit_rate", "map")
MRR = "mrr"
METRICS = (*AT_K, MRR)


def measure(target_ranks: TargetRanks, ks: Sequence[int], metrics: Sequence[str] = METRICS) -> dict[str, np.ndarray]:
    """Returns what the answer to each question is worth.

    A question with the targets on ranks [1, 3, 12] has recall@3 = 2/3, precision@3 = 2/3, hit rate@3 = 1,
    NDCG@3 = (1 + .5) / (1 + .631 + .5) = .704, MAP@3 = (1/1 + 2/3) / 3 = .556 and MRR = 1.

    Args:
      target_ranks: of all targets.
      ks: cut-offs, each >= 1.
      metrics: those of `METRICS` that are wanted.

    Returns:
      `[num_questions]` float64 by name: `recall_at_{k}` and so on for each k, and `mrr`.

    Raises:
      MetricsError: if a metric is unknown, a cut-off is out of range, or MRR is wanted of ranks that are not all known.
    """
    _require_known(target_ranks, ks, metrics)
    firsts = target_ranks.splits[:-1]
    ranks = target_ranks.ranks[target_ranks.order]
    # The how manyth of its question's targets each is.
    positions = 1 + np.arange(len(ranks)) - np.repeat(firsts, target_ranks.num_targets)
    values = {}
    for k in ks:
        at_k = _AtCutOff(ranks, positions, firsts, target_ranks.num_targets, k)
        values |= {f"{metric}_at_{k}": getattr(at_k, metric)() for metric in metrics if metric in AT_K}
    if MRR in metrics:
        values[MRR] = 1.0 / ranks[firsts]
    return values


def measure_targets(target_ranks: TargetRanks, ks: Sequence[int]) -> dict[str, np.ndarray]:
    """Returns of each target whether it is found, for slices that part the targets of one question.

    Averaged over the targets of a question this is its recall; averaged over the targets of a slice it is the
    share of them that is found, where a question with many counts for more.

    Args:
      target_ranks: of all targets.
      ks: cut-offs, each >= 1.

    Returns:
      `recall_at_{k}` for each k, `[num_targets]` float64 of 0 and 1, in the order of `target_ranks.ranks`.

    Raises:
      MetricsError: if a cut-off is out of range.
    """
    _require_known(target_ranks, ks, AT_K)
    return {f"recall_at_{k}": (target_ranks.ranks <= k).astype(np.float64) for k in ks}


def summarize(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns the mean of each metric over questions, which count alike; NaN without questions."""
    return {name: float(np.mean(each)) if len(each) else float("nan") for name, each in values.items()}


class _AtCutOff:
    """The metrics of one cut-off."""

    def __init__(self, ranks: np.ndarray, positions: np.ndarray, firsts: np.ndarray, num_targets: np.ndarray, k: int):
        self._ranks, self._positions, self._firsts, self._k = ranks, positions, firsts, k
        self._is_found = ranks <= k
        self._num_targets = num_targets
        self._num_found = np.add.reduceat(self._is_found, firsts, dtype=np.float64)

    def recall(self) -> np.ndarray:
        return self._num_found / self._num_targets

    def precision(self) -> np.ndarray:
        return self._num_found / self._k

    def hit_rate(self) -> np.ndarray:
        return (self._num_found > 0).astype(np.float64)

    def ndcg(self) -> np.ndarray:
        gains = np.add.reduceat(np.where(self._is_found, 1.0 / np.log2(self._ranks + 1.0), 0.0), self._firsts)
        ideal = np.cumsum(1.0 / np.log2(np.arange(self._k) + 2.0))
        return gains / ideal[self._num_findable() - 1]

    def map(self) -> np.ndarray:
        precisions = np.where(self._is_found, self._positions / self._ranks, 0.0)
        return np.add.reduceat(precisions, self._firsts) / self._num_findable()

    def _num_findable(self) -> np.ndarray:
        return np.minimum(self._k, self._num_targets)


def _require_known(target_ranks: TargetRanks, ks: Sequence[int], metrics: Sequence[str]) -> None:
    if unknown := set(metrics) - set(METRICS):
        raise MetricsError(f"Metrics of ranks are {', '.join(METRICS)}, but {sorted(unknown)} are wanted.")
    depth = target_ranks.depth
    if depth is None and min(ks, default=1) < 1:
        raise MetricsError(f"Cut-offs must be at least 1, but are {tuple(ks)}.")
    if depth is not None and not all(1 <= k <= depth for k in ks):
        raise MetricsError(f"Cut-offs must be between 1 and the {depth} candidates of an answer, but are {tuple(ks)}.")
    if depth is not None and MRR in metrics:
        raise MetricsError(
            f"MRR needs the rank of every question's first target, but ranks beyond {depth} are not known; "
            "rank the whole corpus, or leave MRR out."
        )
