"""What is recommended, whether or not it is a target: coverage, exposure, novelty, popularity and similarity.

Answers are `top_rows`, `[num_questions, depth]` corpus rows, best first; -1 stands for no candidate.
"""

from collections.abc import Mapping

import numpy as np

from tfrs_model.diagnostics import cosines
from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.popularity import NUM_DECILES, popularity_deciles

# 2**22 float64 numbers are 32 MB.
_MAX_NUMBERS_PER_BLOCK = 1 << 22


def measure(
    top_rows: np.ndarray, k: int, counts: np.ndarray, embeddings: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns novelty, popularity and similarity of the first k candidates of each question.

    Args:
      top_rows: `[num_questions, depth]` answers.
      k: how many count as recommended, in [1, `depth`].
      counts: `[num_candidates]` training interactions of each candidate.
      embeddings: `[num_candidates, embedding_dim]`; without them there is no similarity.

    Returns:
      `novelty_at_{k}` in bits, `mean_popularity_at_{k}` in training interactions and
      `intra_list_similarity_at_{k}`, `[num_questions]` float64; NaN where a question has no candidate, and for
      the similarity where it has fewer than two.

    Raises:
      MetricsError: if k is out of range or there are no training interactions.
    """
    recommended = _first(top_rows, k)
    values = {
        f"novelty_at_{k}": novelty(recommended, counts),
        f"mean_popularity_at_{k}": _means_of_rows(recommended, np.asarray(counts, np.float64)),
    }
    if embeddings is not None:
        values[f"intra_list_similarity_at_{k}"] = intra_list_similarity(recommended, embeddings)
    return values


def summarize(
    top_rows: np.ndarray, k: int, counts: np.ndarray, embeddings: np.ndarray | None = None
) -> dict[str, float]:
    """Returns coverage and Gini of all first k candidates, and the means of `measure` over questions that have one."""
    recommended, num_candidates = _first(top_rows, k), len(counts)
    return {
        f"coverage_at_{k}": coverage(recommended, num_candidates),
        f"gini_at_{k}": gini(exposure(recommended, num_candidates)),
        **_means(measure(top_rows, k, counts, embeddings)),
    }


def coverage(top_rows: np.ndarray, num_candidates: int) -> float:
    """Returns the share of the corpus that is recommended to anybody; -1 stands for no candidate."""
    return len(np.unique(top_rows[top_rows >= 0])) / num_candidates


def exposure(top_rows: np.ndarray, num_candidates: int) -> np.ndarray:
    """Returns how often each candidate is recommended, `[num_candidates]` int64; -1 stands for no candidate."""
    return np.bincount(top_rows[top_rows >= 0], minlength=num_candidates)


def gini(exposures: np.ndarray) -> float:
    """Returns how unequally candidates are recommended: 0 if all alike, (n - 1) / n if one of n gets everything.

    Half the mean difference between two candidates, over the mean (Gini, Variabilità e mutabilità, 1912; for
    recommenders Fleder and Hosanagar, Management Science 2009):

        G = sum_i (2 i - n - 1) x_i / (n sum_i x_i),  x_1 <= x_2 <= ... <= x_n

    Exposures [1, 0, 3] give (-2 * 0 + 0 * 1 + 2 * 3) / (3 * 4) = .5.

    Args:
      exposures: `[num_candidates]` of the whole corpus, those that are never recommended too.

    Returns:
      The coefficient; NaN if nothing is recommended.
    """
    ordered = np.sort(np.asarray(exposures, np.float64))
    num_candidates, total = len(ordered), ordered.sum()
    if not total:
        return float("nan")
    return float(np.sum((2.0 * np.arange(num_candidates) - num_candidates + 1.0) * ordered) / (num_candidates * total))


def novelty(top_rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the mean self-information of each question's candidates in bits: how rare they are in training.

        -log2(count / sum of all counts), over interactions

    after Zhou et al. (PNAS 2010, "Solving the apparent diversity-accuracy dilemma of recommender systems"), who
    count queries. A candidate without interactions counts as if it had one, so it is as novel as
    the rarest can be and no novelty is infinite. Counts [8, 4, 4, 0] give 1, 2, 2 and 4 bits, and the answer
    [0, 3] is worth 2.5.

    Args:
      top_rows: `[num_questions, depth]` answers.
      counts: `[num_candidates]` training interactions of each candidate.

    Returns:
      `[num_questions]` float64, at least 0; NaN where a question has no candidate.

    Raises:
      MetricsError: if there are no training interactions.
    """
    total = np.sum(counts, dtype=np.float64)
    if total <= 0:
        raise MetricsError("Novelty needs training interactions, but all counts are 0; count them in the train split.")
    return _means_of_rows(top_rows, np.log2(total) - np.log2(np.maximum(counts, 1.0)))


def intra_list_similarity(top_rows: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """Returns the mean cosine between two different candidates of each question.

    The similarity of Ziegler et al. (WWW 2005) as a mean over pairs. Because
    |sum_i u_i|^2 is the sum over all pairs, no matrix of pairs is made. Unit vectors at 0, 90 and 180 degrees
    have the cosines 0, 0 and -1, so the mean is -1/3.

    Args:
      top_rows: `[num_questions, depth]` answers.
      embeddings: `[num_candidates, embedding_dim]`; one of length 0 has the cosine 0 with every other.

    Returns:
      `[num_questions]` float64 in [-1, 1]; NaN where a question has fewer than two candidates.
    """
    num_questions, depth = top_rows.shape
    similarities = np.full(num_questions, np.nan)
    size = max(1, _MAX_NUMBERS_PER_BLOCK // max(1, depth * embeddings.shape[1]))
    for begin in range(0, num_questions, size):
        rows = top_rows[begin : begin + size]
        units = cosines.unit_rows(embeddings[rows].astype(np.float64)) * (rows >= 0)[:, :, np.newaxis]
        num_pairs = np.sum(rows >= 0, axis=1) * (np.sum(rows >= 0, axis=1) - 1.0)
        pairs = np.sum(np.sum(units, axis=1) ** 2, axis=1) - np.sum(units**2, axis=(1, 2))
        np.divide(pairs, num_pairs, out=similarities[begin : begin + size], where=num_pairs > 0)
    return similarities


def popularity_shares(rows: np.ndarray, counts: np.ndarray) -> list[float]:
    """Returns how much of `rows` falls into each tenth of the corpus, most popular tenth first.

    Args:
      rows: corpus rows, any shape; -1 is left out.
      counts: `[num_candidates]` training interactions of each candidate, see `popularity_deciles`.

    Returns:
      Ten shares that sum to 1; all 0 if there are no rows.
    """
    found = popularity_deciles(counts)[rows[rows >= 0]]
    return (np.bincount(found, minlength=NUM_DECILES) / max(1, found.size)).tolist()


def mean_popularity(rows: np.ndarray, counts: np.ndarray) -> float:
    """Returns the mean number of training interactions of `rows`; -1 is left out, NaN without rows."""
    found = np.asarray(counts)[rows[rows >= 0]]
    return float(np.mean(found)) if found.size else float("nan")


def _first(top_rows: np.ndarray, k: int) -> np.ndarray:
    depth = top_rows.shape[1]
    if not 1 <= k <= depth:
        raise MetricsError(f"k must be between 1 and the {depth} candidates of an answer, but is {k}.")
    return top_rows[:, :k]


def _means_of_rows(top_rows: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Returns the mean of `worth[row]` over the candidates of each question, NaN where it has none."""
    is_there = top_rows >= 0
    means = np.full(len(top_rows), np.nan)
    totals = np.sum(np.where(is_there, worth[top_rows], 0.0), axis=1)
    return np.divide(totals, is_there.sum(axis=1), out=means, where=is_there.any(axis=1))


def _means(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    has_value = {name: each[~np.isnan(each)] for name, each in values.items()}
    return {name: float(np.mean(each)) if each.size else float("nan") for name, each in has_value.items()}
