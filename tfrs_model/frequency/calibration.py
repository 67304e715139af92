"""Whether estimated sampling probabilities are those with which ids come."""

import dataclasses

import numpy as np

_BINS_PER_DECADE = 4
_SPREAD = (10.0, 90.0)


@dataclasses.dataclass(frozen=True)
class CalibrationBin:
    """Ids that come about equally often.

    Attributes:
      num_ids: how many they are, >= 1.
      observed: geometric mean of their shares of the stream.
      estimated: geometric mean of their estimated probabilities.
      low_ratio: tenth percentile of estimated over observed.
      high_ratio: ninetieth percentile of it.
    """

    num_ids: int
    observed: float
    estimated: float
    low_ratio: float
    high_ratio: float


@dataclasses.dataclass(frozen=True)
class Calibration:
    """An estimate beside the shares of a stream.

    Attributes:
      bins: of the ids that came, rarest first.
      mean_log_error: mean |log(estimated / observed)| over them; NaN if none came.
      num_unseen: ids that never came.
      unseen_estimate: geometric mean of their estimated probabilities; NaN if there are none.
    """

    bins: tuple[CalibrationBin, ...]
    mean_log_error: float
    num_unseen: int
    unseen_estimate: float


def calibrate(estimated: np.ndarray, counts: np.ndarray) -> Calibration:
    """Groups ids by how often they came, four groups for each power of ten, and compares.

    Counts of 8 and 2 are shares of .8 and .2; estimates of .8 and .1 are 1 and .5 of them, so the mean log error is
    ln(2) / 2 = .347.

    Args:
      estimated: `[num_ids]` sampling probabilities, > 0.
      counts: `[num_ids]` how often each id came in the stream.

    Raises:
      ValueError: if the two are not of one length, or an estimate is not above 0.
    """
    if len(estimated) != len(counts):
        raise ValueError(f"Each id needs an estimate and a count, but there are {len(estimated)} and {len(counts)}.")
    if not np.all(estimated > 0.0):
        raise ValueError(f"Estimated probabilities must be > 0, but the smallest is {np.min(estimated)}.")
    estimates, came = np.asarray(estimated, np.float64), np.asarray(counts) > 0
    observed = np.asarray(counts, np.float64)[came] / max(1, np.sum(counts, dtype=np.float64))
    log_ratios = np.log(estimates[came]) - np.log(observed)
    labels = np.floor(_BINS_PER_DECADE * np.log10(observed)).astype(np.int64)
    bins = tuple(_bin(observed[labels == each], log_ratios[labels == each]) for each in np.unique(labels))
    unseen = estimates[~came]
    return Calibration(
        bins=bins,
        mean_log_error=float(np.mean(np.abs(log_ratios))) if len(log_ratios) else float("nan"),
        num_unseen=len(unseen),
        unseen_estimate=float(np.exp(np.mean(np.log(unseen)))) if len(unseen) else float("nan"),
    )


def _bin(observed: np.ndarray, log_ratios: np.ndarray) -> CalibrationBin:
    low, high = np.exp(np.percentile(log_ratios, _SPREAD))
    mean_log = np.mean(np.log(observed))
    return CalibrationBin(
        num_ids=len(observed),
        observed=float(np.exp(mean_log)),
        estimated=float(np.exp(mean_log + np.mean(log_ratios))),
        low_ratio=float(low),
        high_ratio=float(high),
    )
