"""Between which bounds the mean of a metric lies, as far as the sample of questions tells."""

import dataclasses
import statistics

import numpy as np

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.resampling import NUM_DRAWS, resampled_means, sums_by_owner

BOOTSTRAP, WILSON = "bootstrap", "wilson"
# With fewer, what was not drawn is missing from every draw, and the percentiles are too narrow: three hits of
# three questions would be 1 for certain, and so would be no hit of two hundred.
_MIN_OWNERS = 30
_MIN_UNUSUAL_OWNERS = 10


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and how far another sample of questions could take it.

    Attributes:
      mean: over questions; NaN without any.
      low: lower end of the interval.
      high: upper end.
      num_questions: how many the mean is over.
      num_owners: how many were drawn by themselves: queries, or the questions.
      method: `bootstrap` or `wilson`, see `mean_interval`.
    """

    mean: float
    low: float
    high: float
    num_questions: int
    num_owners: int
    method: str


def mean_interval(
    values: np.ndarray,
    owners: np.ndarray | None = None,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Interval:
    """Returns the mean of a metric over questions with its confidence interval.

    The interval is that of the bootstrap's percentiles (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, ch. 13). One query that asks many questions is one sample and not many: with `owners` its questions
    are drawn together.

    Draws of few questions, or of questions that are nearly all worth the same, know nothing of the others that
    there are. With fewer than 30 owners, or fewer than 10 whose mean is not the most common one, the interval is
    Wilson's (JASA 1927) for a share, between the bounds. It is too wide rather than too narrow, as nothing between two
    bounds varies more than what is always at either, and as the number of owners is taken as if the
    questions of each were all the same (Kish, Survey Sampling, 1965): (sum n_i)^2 / sum n_i^2.
    Three hits of three questions are between .438 and 1, no question at all is anywhere between the bounds.

    Args:
      values: `[num_questions]` what each answer is worth.
      owners: `[num_questions]` which query asks, any numbers or names; `None` draws each question by itself.
      bounds: between which every value lies by its definition; `None` if there are none, which gives the percentiles
        however few the questions are.
      confidence: share of samples whose interval shall hold the true mean.
      num_draws: of the bootstrap.
      seed: of the draws; the same values and seed give the same interval.

    Returns:
      The mean with its interval.

    Raises:
      MetricsError: if a value is not finite or out of bounds, or there is not one owner for each.
    """
    values = np.asarray(values, np.float64)
    _require_within(values, bounds)
    sums, sizes = sums_by_owner(values[:, np.newaxis], owners)
    about = {"num_questions": len(values), "num_owners": len(sizes)}
    if not len(values):
        low, high = bounds or (float("nan"), float("nan"))
        return Interval(float("nan"), low, high, **about, method=WILSON if bounds else BOOTSTRAP)
    mean = float(values.mean())
    if bounds is not None and _are_few(sums[:, 0] / sizes):
        return Interval(mean, *_wilson(mean, sizes, bounds, confidence), **about, method=WILSON)
    means = resampled_means(sums, sizes, num_draws, np.random.default_rng(seed))
    return Interval(mean, *percentiles(means[:, 0], confidence), **about, method=BOOTSTRAP)


def percentiles(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """Returns between which values the middle `confidence` of the draws lie."""
    low, high = np.quantile(draws, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def _require_within(values: np.ndarray, bounds: tuple[float, float] | None) -> None:
    if bounds is None:
        return
    if num_outside := np.sum((values < bounds[0]) | (values > bounds[1])):
        raise MetricsError(
            f"Values must be between {bounds[0]} and {bounds[1]}, but {num_outside} are not; give the bounds "
            "that the metric has."
        )


def _are_few(means: np.ndarray) -> bool:
    _, counts = np.unique(means, return_counts=True)
    return len(means) < _MIN_OWNERS or len(means) - counts.max() < _MIN_UNUSUAL_OWNERS


def _wilson(mean: float, sizes: np.ndarray, bounds: tuple[float, float], confidence: float) -> tuple[float, float]:
    low, high = bounds
    share = (mean - low) / (high - low)
    num_samples = float(sizes.sum()) ** 2 / float(np.sum(sizes.astype(np.float64) ** 2))
    z_squared_by_n = statistics.NormalDist().inv_cdf((1.0 + confidence) / 2.0) ** 2 / num_samples
    center = share + z_squared_by_n / 2.0
    half = np.sqrt(z_squared_by_n * (share * (1.0 - share) + z_squared_by_n / 4.0))
    ends = ((center + sign * half) / (1.0 + z_squared_by_n) for sign in (-1.0, 1.0))
    # Rounding takes an end that is a bound beyond it.
    return tuple(float(low + (high - low) * min(max(end, 0.0), 1.0)) for end in ends)
