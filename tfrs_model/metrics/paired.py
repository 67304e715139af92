"""Whether one model is better than another on the same questions, or only luckier in its questions and trainings."""

import dataclasses

import numpy as np

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.intervals import percentiles
from tfrs_model.metrics.resampling import NUM_DRAWS, flipped_sums, resampled_means, sums_by_owner


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much better one model is than another.

    Attributes:
      mean: of ours minus theirs; NaN without questions.
      low: lower end of the interval.
      high: upper end.
      p_value: how often a difference as large, in either direction, would be seen between models that are equally
        good; at least 1 / (num_draws + 1).
      num_questions: how many both answered.
      num_owners: how many were drawn by themselves: queries, or the questions.
    """

    mean: float
    low: float
    high: float
    p_value: float
    num_questions: int
    num_owners: int


def difference(
    ours: np.ndarray,
    theirs: np.ndarray,
    owners: np.ndarray | None = None,
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Difference:
    """Returns the difference of two means over the same questions, with its interval and p-value.

    The interval holds the middle 95% of draws of the questions of both, and, where a model was trained several
    times, of its trainings too: it covers what another sample of questions and another training would change.
    A difference whose interval holds 0 is noise. Of s trainings the draws show (s - 1) / s of the
    variance between trainings, and of one nothing.

    With one training each, the p-value is that of the signs: were the models equally good, each question could as
    well have fallen out the other way round (Fisher, The Design of Experiments, 1935, sec. 21). With several, it is
    the smallest 1 - confidence whose interval leaves out 0, as the signs of questions say nothing about trainings.
    Differences [1, 1, 1] have the signs of 2 of 8 draws at least as far from 0, so p is about .25.

    Args:
      ours: `[num_questions]` what each answer is worth, or `[num_trainings, num_questions]`.
      theirs: of the other model, question by question the same, of any number of trainings.
      owners: `[num_questions]` which query asks, any numbers or names; its questions are drawn, and change signs,
        together. `None` takes each question by itself.
      confidence: share of samples whose interval shall hold the true difference.
      num_draws: of questions, and of signs.
      seed: of the draws; the same values and seed give the same answer.

    Returns:
      The difference; of no questions all its figures are NaN.

    Raises:
      MetricsError: if the models were not asked the same number of questions, a value is not finite, or there
        is not one owner for each.
    """
    ours, theirs = (np.atleast_2d(np.asarray(each, np.float64)) for each in (ours, theirs))
    if ours.shape[1] != theirs.shape[1]:
        raise MetricsError(
            f"Both models must answer the same questions, but one has {ours.shape[1]} and the other "
            f"{theirs.shape[1]}; take those that both were asked, in the same order."
        )
    sums, sizes = sums_by_owner(np.concatenate([ours, theirs]).T, owners)
    about = {"num_questions": ours.shape[1], "num_owners": len(sizes)}
    if not len(sizes):
        return Difference(*[float("nan")] * 4, **about)
    generator = np.random.default_rng(seed)
    means = resampled_means(sums, sizes, num_draws, generator)
    drawn = [_of_drawn_trainings(each, generator) for each in (means[:, : len(ours)], means[:, len(ours) :])]
    draws = drawn[0] - drawn[1]
    is_single = len(ours) == len(theirs) == 1
    p_value = _p_of_signs(sums[:, 0] - sums[:, 1], num_draws, generator) if is_single else _p_of_draws(draws)
    return Difference(float(ours.mean() - theirs.mean()), *percentiles(draws, confidence), p_value, **about)


def _of_drawn_trainings(means: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Averages `[num_draws, num_trainings]` over trainings that are drawn with replacement."""
    num_draws, num_trainings = means.shape
    weights = generator.multinomial(num_trainings, np.full(num_trainings, 1.0 / num_trainings), num_draws)
    return np.sum(means * weights, axis=1) / num_trainings


def _p_of_signs(sums: np.ndarray, num_draws: int, generator: np.random.Generator) -> float:
    """Counts the draws at least as far from 0; what was seen is one of them (Davison and Hinkley, 1997, ch. 4)."""
    # Sums of the same numbers in another order differ by their rounding.
    seen = np.abs(np.sum(sums)) - 1e-12 * np.sum(np.abs(sums))
    return float(1 + np.sum(np.abs(flipped_sums(sums, num_draws, generator)) >= seen)) / (num_draws + 1)


def _p_of_draws(draws: np.ndarray) -> float:
    """Counts twice the draws on the rarer side of 0."""
    rarer = min(np.sum(draws <= 0.0), np.sum(draws >= 0.0))
    return min(1.0, float(2 * (1 + rarer)) / (len(draws) + 1))
