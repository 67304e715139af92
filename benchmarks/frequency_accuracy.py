"""How far off the frequency estimates are, on streams whose truth is known; everything runs the product's layer."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines import frequency_simulation, frequency_streams, progress
from tfrs_model.frequency import id_hashing

_NUM_BYTES = 40_000
# Of the default estimator, beside its buckets; the paper's 12 are not reckoned.
_SCALAR_BYTES = 128
_SWITCH_CHECKPOINTS = (10_000, 11_000, 20_000)
# Error after 10,000, 11,000 and 20,000 steps by (rate, number of hashes), simulated independently; `None` is unknown.
_REFERENCE = {
    (0.1, 1): (0.161, None, 0.187),
    (0.05, 1): (0.139, None, 0.162),
    (0.01, 1): (0.113, 0.41, 0.141),
    (0.005, 1): (0.108, None, 0.146),
    (0.001, 1): (0.322, None, 0.354),
    (0.01, 2): (0.065, None, 0.082),
    (0.01, 4): (0.052, 0.34, 0.060),
    (0.015, 5): (0.050, 0.21, 0.057),
    (0.02, 5): (0.054, 0.13, 0.060),
}
_LIMIT_OF_DEVIATION = 0.1
_GRID_RATES = (0.1, 0.05, 0.02, 0.015, 0.01, 0.005, 0.002, 0.001)
_GRID_HASHES = (1, 2, 4, 5)
_NUM_CHECKPOINTS = {"repeats": 10, "six_decades": 5}
_BYTES_OF_STREAM = {"six_decades": 4_000_000}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is simulated; the defaults are what the published figures come from.

    Attributes:
      paper_seeds: seeds of the reproduction.
      switch_seeds: seeds of the default estimator in the switch.
      grid_seeds: seeds of the six streams.
      zipf_seeds: seeds of the batches of 8,192.
      num_steps: of the paper's stream and of those like it; `None` is their own.
      large_num_ids, large_num_steps, large_num_buckets: of the stream of millions of ids.
      zipf_num_steps: of the batches of 8,192.
      batch_size: of both.
    """

    paper_seeds: int = 12
    switch_seeds: int = 5
    grid_seeds: int = 2
    zipf_seeds: int = 3
    num_steps: int | None = None
    zipf_num_steps: int = 600
    large_num_ids: int = 10_000_000
    large_num_steps: int = 2000
    large_num_buckets: int = 1 << 20
    batch_size: int = 8192


def paper_reproduction(sizes: Sizes) -> dict:
    """Returns the paper's estimator in the paper's switch, beside figures that were simulated independently.

    One seed scatters by 5 to 9%, so a mean is held against the limit with two of its
    standard errors: rate .01 with four hashes has .0471 +- .0002 after 10,000 steps
    over 288 simulations, 9.5% below its reference, and a dozen seeds fall on either
    side of 10%.
    """
    settings = [frequency_simulation.paper(rate, hashes, _NUM_BYTES) for rate, hashes in _REFERENCE]
    measured = _switch(settings, sizes, sizes.paper_seeds, "Paper")
    means = measured.mean(axis=0)
    standard_errors = measured.std(axis=0) / np.sqrt(sizes.paper_seeds)
    rows = []
    for i, ((rate, hashes), reference) in enumerate(_REFERENCE.items()):
        known = [k for k, each in enumerate(reference) if each is not None]
        deviations = [abs(means[i, k] / reference[k] - 1.0) for k in known]
        allowed = [_LIMIT_OF_DEVIATION + 2.0 * standard_errors[i, k] / reference[k] for k in known]
        rows.append(
            {
                "learning_rate": rate,
                "num_hashes": hashes,
                "error": means[i].tolist(),
                "standard_error": standard_errors[i].tolist(),
                "reference": reference,
                "largest_deviation": float(max(deviations)),
                "holds": all(each <= most for each, most in zip(deviations, allowed, strict=True)),
            }
        )
    return {
        "steps": _SWITCH_CHECKPOINTS,
        "seeds": sizes.paper_seeds,
        "rows": rows,
        "limit_of_deviation": _LIMIT_OF_DEVIATION,
        "holds": all(row["holds"] for row in rows),
    }


def switch(sizes: Sizes) -> dict:
    """Returns default and retuned paper in the paper's switch with the bytes of the paper at one hash."""
    settings = {
        "default": _default(_NUM_BYTES),
        "paper_retuned": frequency_simulation.paper(0.015, 5, _NUM_BYTES),
        "paper": frequency_simulation.paper(0.01, 1, _NUM_BYTES),
    }
    errors = _switch(list(settings.values()), sizes, sizes.switch_seeds, "Switch")
    limits = (0.052, 0.20, 0.058)
    return {
        "steps": _SWITCH_CHECKPOINTS,
        "seeds": sizes.switch_seeds,
        **{name: errors[:, row].mean(axis=0).tolist() for row, name in enumerate(settings)},
        "default_worst_seed": errors[:, 0].max(axis=0).tolist(),
        "num_bytes": {name: _state_bytes(setting) for name, setting in settings.items()},
        "limits": limits,
        "holds": bool(np.all(errors[:, 0].mean(axis=0) <= limits)),
    }


def six_streams(sizes: Sizes) -> dict:
    """Returns the one default setting against the best of a grid of the paper's estimator, in each of six streams."""
    rows = [_one_stream(make, sizes) for make in frequency_streams.SIX]
    default, grid = (float(np.mean([row[name] for row in rows])) for name in ("default", "best_of_grid"))
    return {
        "seeds": sizes.grid_seeds,
        "grid": {"learning_rates": _GRID_RATES, "num_hashes": _GRID_HASHES},
        "rows": rows,
        "mean": {"default": default, "best_of_grid": grid, "ratio": default / grid},
        "limit_of_ratio": 1.1,
        "holds": default < grid and all(row["ratio"] <= 1.1 for row in rows),
    }


def large_batch(sizes: Sizes) -> dict:
    """Returns the plain mean |log error| where ids come many times in a batch: Zipf .8, the ids of MovieLens-100K."""
    num_ids, steps = 1682, sizes.zipf_num_steps
    # What a model of these candidates gets, and the same bytes for the paper's estimator.
    default = frequency_simulation.EstimatorSetting("multiscale", 4, num_ids)
    settings = {
        "default": default,
        "default_40000_bytes": _default(_NUM_BYTES),
        "paper": frequency_simulation.paper(0.01, 1, default.num_bytes),
        "paper_fast": frequency_simulation.paper(0.1, 1, default.num_bytes),
    }
    errors = []
    with progress.progress_bar(sizes.zipf_seeds * steps, "Large batch", "step") as bar:
        for seed in range(sizes.zipf_seeds):
            stream = frequency_streams.RepeatingIdStream("zipf", num_ids, sizes.batch_size, steps, seed, 0.8)
            ((_, estimates),) = frequency_simulation.simulate(
                list(settings.values()), stream, seed, [steps], advance=bar.update
            )
            exact = frequency_simulation.exact_expected_count(stream, steps)
            errors.append([stream.mean_log_error(each, steps) for each in (*estimates, exact)])
    means = dict(zip([*settings, "exact_counts"], np.mean(errors, axis=0).tolist(), strict=True))
    return {**means, "num_bytes": default.num_bytes, "limit": 0.06, "holds": means["default"] <= 0.06}


def many_ids(sizes: Sizes) -> dict:
    """Returns the median |log error| by decade of the expected count, beside exact counts in the same buckets."""
    steps, hash_seed = sizes.large_num_steps, 0
    setting = frequency_simulation.EstimatorSetting("multiscale", 2, sizes.large_num_buckets)
    stream = frequency_streams.RepeatingIdStream("many_ids", sizes.large_num_ids, sizes.batch_size, steps, 0, 1.05)
    truth = stream.expected_count(steps) * steps
    judged = np.flatnonzero(truth >= 10.0)
    with progress.progress_bar(steps, "Many ids", "step") as bar:
        ((_, estimates),) = frequency_simulation.simulate(
            [setting], stream, hash_seed, [steps], ids=judged, advance=bar.update
        )
    counted = _counts_in_buckets(stream, setting, hash_seed, judged)
    decades = np.floor(np.log10(truth[judged])).astype(int)
    rows = []
    for decade in range(1, decades.max() + 1):
        inside = decades == decade
        ours, exact = (
            float(np.median(np.abs(np.log(each[inside] / truth[judged][inside]))))
            for each in (estimates[0] * float(steps), counted)
        )
        row = {"expected_count_from": 10**decade, "num_ids": int(inside.sum())}
        rows.append({**row, "default": ours, "exact_counts_same_buckets": exact, "ratio": ours / exact})
    return {
        "rows": rows,
        "num_bytes": _state_bytes(setting),
        "limit_of_ratio": 1.3,
        "holds": all(row["ratio"] <= 1.3 for row in rows),
    }


def _switch(
    settings: Sequence[frequency_simulation.EstimatorSetting], sizes: Sizes, num_seeds: int, description: str
) -> np.ndarray:
    """Returns `[num_seeds, num_settings, 3]` errors."""
    num_steps = sizes.num_steps or frequency_streams.NUM_STEPS
    checkpoints = [step * num_steps // frequency_streams.NUM_STEPS for step in _SWITCH_CHECKPOINTS]
    with progress.progress_bar(num_seeds * num_steps, description, "step") as bar:
        return np.array(
            [
                frequency_simulation.errors(
                    settings, frequency_streams.switch(seed, num_steps), seed, checkpoints, bar.update
                )
                for seed in range(num_seeds)
            ]
        )


def _one_stream(make: Callable[..., frequency_streams.Stream], sizes: Sizes) -> dict:
    options = {} if sizes.num_steps is None else {"num_steps": sizes.num_steps}
    streams = [make(seed, **options) for seed in range(sizes.grid_seeds)]
    name, num_steps = streams[0].name, streams[0].num_steps
    num_bytes = _BYTES_OF_STREAM.get(name, _NUM_BYTES)
    num_checkpoints = _NUM_CHECKPOINTS.get(name, 20)
    checkpoints = sorted({num_steps * (i + 1) // num_checkpoints for i in range(num_checkpoints)} - {0})
    grid = [frequency_simulation.paper(rate, hashes, num_bytes) for rate in _GRID_RATES for hashes in _GRID_HASHES]
    settings = [_default(num_bytes), *grid]
    with progress.progress_bar(len(streams) * num_steps, name, "step") as bar:
        errors = np.mean(
            [
                frequency_simulation.errors(settings, stream, seed, checkpoints, bar.update)
                for seed, stream in enumerate(streams)
            ],
            axis=(0, 2),
        )
    default, best = float(errors[0]), int(np.argmin(errors[1:]))
    return {
        "stream": name,
        "default": default,
        "best_of_grid": float(errors[1 + best]),
        "best_learning_rate": grid[best].learning_rate,
        "best_num_hashes": grid[best].num_hashes,
        "ratio": default / float(errors[1 + best]),
    }


def _counts_in_buckets(
    stream: frequency_streams.Stream,
    setting: frequency_simulation.EstimatorSetting,
    hash_seed: int,
    judged: np.ndarray,
) -> np.ndarray:
    """Returns `[num_judged]` float64: the least sum of exact counts among the buckets of each id."""
    hasher = id_hashing.IdHasher(setting.num_buckets, setting.num_hashes, hash_seed)

    def buckets(ids: np.ndarray) -> np.ndarray:
        return hasher.buckets(hasher.keys(tf.constant(ids, tf.int64))).numpy()

    counts = stream.counts(stream.num_steps)
    seen = np.flatnonzero(counts)
    sums = np.bincount(
        buckets(seen).ravel(),
        weights=np.tile(counts[seen], setting.num_hashes),
        minlength=setting.num_hashes * setting.num_buckets,
    )
    return np.maximum(sums[buckets(judged)].min(axis=0), 0.5)


def _default(num_bytes: int) -> frequency_simulation.EstimatorSetting:
    """Returns the default setting, its scalars within the bytes too."""
    return frequency_simulation.multiscale(num_bytes - _SCALAR_BYTES)


def _state_bytes(setting: frequency_simulation.EstimatorSetting) -> int:
    return sum(weight.dtype.size * weight.shape.num_elements() for weight in setting.layer(0).weights)
