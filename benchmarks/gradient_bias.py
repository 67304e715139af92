"""How far the gradients of sampled losses are from the full softmax's, in one JSON line.

    python -m benchmarks.gradient_bias

A corpus of 500 of popularity ~ 1 / rank, batches of 32, 32 further negatives where an
arm has any. `cosine` and `relative_bias` compare the expectation over many batches with
the gradient of the full softmax; `tail` does so for the rows whose positive is none of
the 50 most popular. Intervals hold the mean over seeds at 95% (Student's t). A
readable table goes to stderr.

What theory says, and `holds` checks by differences within a seed:

- `none` is worst: its negatives are weighted by popularity whatever their number.
- What is corrected estimates a ratio of sums over n draws, whose bias is of the order
  of chi2(softmax | Q) / n, length and direction. So uniform draws beside those of the
  batch lessen it: n doubles, and no weight 1 / Q is huge any more. Draws from a Q nearer
  the softmax, the hard ones, lessen it further than as many uniform ones, the more the
  finer their clusters; the vectors here are spread evenly, the hardest to cluster.
- Yi's loss has the positive once among its columns where B q copies are expected, so
  its 1 - P, the length of a row's gradient, is too small where the positive is rare and
  too large where it is popular. The corrected loss (Khrylchenko et al., RecSys 2025)
  has an unbiased sum in its P and no positive in its ratio. The gain grows with the
  probability that the model gives the positive and with the positive's rarity. It is
  one of lengths: nothing is claimed of the two losses' directions.

No theory orders Yi's loss with accidental hits removed; it is shown beside the others.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping

import numpy as np
from absl import app, flags

from benchmarks import sampled_gradients
from pipelines import job, progress

_NUM_SEEDS = flags.DEFINE_integer("gradient_bias_num_seeds", 10, "Seeds, from 0; >= 2.")
_NUM_BATCHES = flags.DEFINE_integer("gradient_bias_num_batches", 10_000, "Batches of each seed; a multiple of 10.")
_NOISE = flags.DEFINE_float("gradient_bias_noise", 0.3, "Distance of the model from the truth; 0 is a perfect one.")

_BATCH_SIZE = _NUM_EXTRA = 32
ARMS = {
    "none": sampled_gradients.Arm("none"),
    "yi": sampled_gradients.Arm("yi"),
    "yi_hits_removed": sampled_gradients.Arm("yi", hits_are_removed=True),
    "corrected": sampled_gradients.Arm("corrected"),
    "mixed": sampled_gradients.Arm("yi", "uniform"),
    "mixed_corrected": sampled_gradients.Arm("corrected", "uniform"),
    "hard_by_cluster": sampled_gradients.Arm("yi", "hard_by_cluster"),
    "hard_by_cluster_corrected": sampled_gradients.Arm("corrected", "hard_by_cluster"),
    "hard": sampled_gradients.Arm("yi", "hard"),
    "hard_corrected": sampled_gradients.Arm("corrected", "hard"),
}
# Worse, better.
_BY_NEGATIVES = (
    ("none", "yi"),
    ("yi", "mixed"),
    ("mixed", "hard"),
    ("hard_by_cluster", "hard"),
    ("none", "corrected"),
    ("corrected", "mixed_corrected"),
    ("mixed_corrected", "hard_corrected"),
    ("hard_by_cluster_corrected", "hard_corrected"),
)
_BY_CLUSTERS = (("mixed", "hard_by_cluster"), ("mixed_corrected", "hard_by_cluster_corrected"))
_BY_CORRECTION = (("yi", "corrected"), ("mixed", "mixed_corrected"), ("hard", "hard_corrected"))
_FIGURES = (("all", "relative_bias"), ("all", "cosine"), ("tail", "relative_bias"), ("tail", "cosine"))
_ORDER = (
    *((*figure, *pair) for figure in _FIGURES for pair in _BY_NEGATIVES),
    *(("all", "relative_bias", *pair) for pair in _BY_CLUSTERS),
    *((rows, "relative_bias", *pair) for rows in ("all", "tail") for pair in _BY_CORRECTION),
)
# Student's t at 97.5% by degrees of freedom; the last serves for more, as a bound.
_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclasses.dataclass(frozen=True)
class GradientBiasConfig:
    """How much is simulated.

    Attributes:
      num_seeds: each draws its own corpus, model and batches; >= 2.
      num_batches: of each seed, a multiple of 10.
      noise: length of what is added to the truth to make the model, >= 0.
    """

    num_seeds: int = 10
    num_batches: int = 10_000
    noise: float = 0.3

    def __post_init__(self) -> None:
        if self.num_seeds < 2:
            raise job.ConfigError(f"--gradient_bias_num_seeds must be >= 2, but is {self.num_seeds}.")
        if self.num_batches < 10 or self.num_batches % 10:
            raise job.ConfigError(f"--gradient_bias_num_batches must be 10, 20, 30, ..., but is {self.num_batches}.")
        if not self.noise >= 0.0:
            raise job.ConfigError(f"--gradient_bias_noise must be >= 0, but is {self.noise}.")


def config_from_flags() -> GradientBiasConfig:
    """Returns the configuration that the flags describe."""
    return GradientBiasConfig(_NUM_SEEDS.value, _NUM_BATCHES.value, _NOISE.value)


def run(config: GradientBiasConfig) -> dict:
    """Measures all arms; returns the JSON line's object."""
    by_seed, positive_probability = [], []
    with progress.progress_bar(config.num_seeds, "Gradient bias", "seed") as bar:
        for seed in range(config.num_seeds):
            world = sampled_gradients.zipf_world(seed, config.noise)
            positive_probability.append(float(np.sum(world.joint * world.softmax)))
            by_seed.append(sampled_gradients.measure(world, ARMS, config.num_batches, _BATCH_SIZE, _NUM_EXTRA, seed))
            bar.update()
    order = [_claim(by_seed, *claim) for claim in _ORDER]
    return {
        "benchmark": "gradient_bias",
        **dataclasses.asdict(config),
        "batch_size": _BATCH_SIZE,
        "num_extra": _NUM_EXTRA,
        "mean_positive_probability": float(np.mean(positive_probability)),
        "arms": {name: _row(by_seed, name) for name in ARMS},
        "order": order,
        "holds": all(claim["holds"] for claim in order),
    }


def _row(by_seed: list[dict], name: str) -> dict:
    return {
        rows: {
            figure: _mean_and_interval([getattr(seed[name][rows], figure) for seed in by_seed])
            for figure in ("cosine", "relative_bias")
        }
        for rows in ("all", "tail")
    }


def _claim(by_seed: list[dict], rows: str, figure: str, worse: str, better: str) -> dict:
    """Returns by how much one arm is better than another; it holds where the whole interval says so."""
    sign = -1.0 if figure == "cosine" else 1.0
    gains = [sign * (getattr(seed[worse][rows], figure) - getattr(seed[better][rows], figure)) for seed in by_seed]
    gain = _mean_and_interval(gains)
    return {
        "rows": rows,
        "figure": figure,
        "worse": worse,
        "better": better,
        "gain": gain,
        "holds": gain["interval"][0] > 0.0,
    }


def _mean_and_interval(values: list[float]) -> dict:
    mean, degrees = float(np.mean(values)), len(values) - 1
    half = _QUANTILES[min(degrees, len(_QUANTILES)) - 1] * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return {"mean": mean, "interval": [mean - half, mean + half]}


def table(result: Mapping) -> str:
    """Returns the result as lines of text: the arms, then what does not hold."""
    lines = [f"{'arm':28}" + "".join(f"{rows + ' ' + figure:28}" for rows, figure in _FIGURES)]
    for name, row in result["arms"].items():
        lines.append(f"{name:28}" + "".join(f"{_text(row[rows][figure]):28}" for rows, figure in _FIGURES))
    failed = [claim for claim in result["order"] if not claim["holds"]]
    lines.append(f"order: {len(result['order']) - len(failed)} of {len(result['order'])} hold")
    lines += [
        f"    NOT: {each['better']} better than {each['worse']} in {each['rows']} {each['figure']}, by "
        f"{_text(each['gain'])}"
        for each in failed
    ]
    return "\n".join(lines)


def _text(figure: Mapping) -> str:
    low, high = figure["interval"]
    return f"{figure['mean']:.4f} [{low:.4f}, {high:.4f}]"


def _print(result: dict) -> None:
    print(table(result), file=sys.stderr)
    print(json.dumps(result))


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: _print(run(config_from_flags())), argv)


if __name__ == "__main__":
    app.run(main)
