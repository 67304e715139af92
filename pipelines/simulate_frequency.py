"""Simulates the streaming frequency estimators where the truth is known, and draws how far off they are.

    python -m pipelines.simulate_frequency --output_dir=simulation

The simulation of Yi et al. (RecSys 2019, sec. 6.1), for several rates and numbers
of hashes at equal memory, with the paper's estimator and the default one, and the
error against the batch size where ids repeat in a batch. Writes:

  frequency.json             every curve, a mean over hash seeds
  error_by_rate.png          error over steps, by learning rate
  error_by_hashes.png        error over steps, by number of hashes
  error_by_batch_size.png    error over the batch size, beside that of exact counts
  runs/<n>.json              one for each seed; a run that is there is not made again
"""

import dataclasses
import pathlib
import statistics

import numpy as np
import tqdm
from absl import app, flags, logging

from pipelines import (
    artifacts,
    common_flags,
    frequency_figures,
    frequency_simulation,
    frequency_streams,
    job,
    progress,
)

flags.declare_key_flag("output_dir")
_RATES = flags.DEFINE_list(
    "simulated_rates", [".1", ".05", ".01", ".005", ".001"], "Learning rates of the paper's estimator, one hash."
)
_HASHES = flags.DEFINE_list("simulated_num_hashes", ["1", "2", "4"], "Numbers of hashes, both estimators.")
_BATCH_SIZES = flags.DEFINE_list(
    "simulated_batch_sizes", ["32", "128", "512", "2048", "8192"], "Batch sizes of the stream with repeats."
)
_NUM_STEPS = flags.DEFINE_integer("simulated_steps", frequency_streams.NUM_STEPS, "Steps; the law changes half way.")
_NUM_REPEAT_STEPS = flags.DEFINE_integer("simulated_repeat_steps", 1000, "Steps of the stream with repeats.")
_NUM_SEEDS = flags.DEFINE_integer(
    "simulated_seeds", 8, "Streams and hashes to average over; with one hash a single seed scatters by 9%."
)

FORMAT_VERSION = 1
# 5,000 buckets, as in the paper.
_NUM_BYTES = 40_000
_RATE_OF_HASHES = 0.01
# The slower one has not forgotten its initial value, the faster one shows the saturation alone.
_REPEATS_RATES = (0.01, 0.1)
_NUM_CHECKPOINTS = 40
# As many candidates as MovieLens-100K has, and the buckets that a model of them gets.
_REPEATS_NUM_IDS = 1682
_REPEATS_NUM_BYTES = 4 * _REPEATS_NUM_IDS * frequency_simulation.BYTES_PER_BUCKET
_REPEATS_EXPONENT = 0.8


@dataclasses.dataclass(frozen=True)
class SimulateFrequencyConfig:
    """What is simulated.

    Attributes:
      output_dir: directory for the figures and their numbers.
      rates: learning rates of the paper's estimator, each in (0, 1].
      num_hashes: numbers of hashes, each >= 1.
      batch_sizes: of the stream with repeats, each >= 1.
      num_steps: of the paper's stream, >= 2; its law changes half way.
      num_repeat_steps: of the stream with repeats, >= 1.
      num_seeds: streams and hashes to average over, >= 1.
    """

    output_dir: str
    rates: tuple[float, ...] = (0.1, 0.05, 0.01, 0.005, 0.001)
    num_hashes: tuple[int, ...] = (1, 2, 4)
    batch_sizes: tuple[int, ...] = (32, 128, 512, 2048, 8192)
    num_steps: int = frequency_streams.NUM_STEPS
    num_repeat_steps: int = 1000
    num_seeds: int = 8

    def __post_init__(self) -> None:
        for name, value, is_allowed, rule in (
            ("output_dir", self.output_dir, bool(self.output_dir), "name a directory"),
            ("simulated_rates", self.rates, all(0.0 < each <= 1.0 for each in self.rates), "be in (0, 1] each"),
            (
                "simulated_num_hashes",
                self.num_hashes,
                all(1 <= each <= 5000 for each in self.num_hashes),
                "be in [1, 5000] each",
            ),
            ("simulated_batch_sizes", self.batch_sizes, all(each >= 1 for each in self.batch_sizes), "be >= 1 each"),
            ("simulated_steps", self.num_steps, self.num_steps >= 2, "be >= 2"),
            ("simulated_repeat_steps", self.num_repeat_steps, self.num_repeat_steps >= 1, "be >= 1"),
            ("simulated_seeds", self.num_seeds, self.num_seeds >= 1, "be >= 1"),
        ):
            if not is_allowed or value == ():
                raise job.ConfigError(f"--{name} must {rule}, but is {value!r}.")

    @property
    def checkpoints(self) -> list[int]:
        """Steps after which the paper's stream is judged; half way and the end are among them."""
        half = self.num_steps // 2
        first = np.linspace(0, half, _NUM_CHECKPOINTS // 2 + 1).round()
        second = np.linspace(half, self.num_steps, _NUM_CHECKPOINTS // 2 + 1).round()
        return sorted({int(step) for step in (*first, *second)} - {0})

    @property
    def switch_settings(self) -> list[frequency_simulation.EstimatorSetting]:
        """The estimators of the first two figures, each once."""
        settings = [frequency_simulation.paper(rate, 1, _NUM_BYTES) for rate in self.rates]
        settings += [frequency_simulation.paper(_RATE_OF_HASHES, each, _NUM_BYTES) for each in self.num_hashes]
        settings += [frequency_simulation.multiscale(_NUM_BYTES)]
        settings += [frequency_simulation.multiscale(_NUM_BYTES, each) for each in self.num_hashes]
        return list(dict.fromkeys(settings))

    @property
    def repeats_settings(self) -> list[frequency_simulation.EstimatorSetting]:
        """The estimators of the third figure."""
        return [
            frequency_simulation.multiscale(_REPEATS_NUM_BYTES),
            *(frequency_simulation.paper(rate, 1, _REPEATS_NUM_BYTES) for rate in _REPEATS_RATES),
        ]

    def shape(self) -> dict:
        """Returns what the run of one seed depends on, as JSON reads it back."""
        options = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        shaping = {key: value for key, value in options.items() if key not in ("output_dir", "num_seeds")}
        # What is fixed here may be another in the version that made a run.
        settings = [*self.switch_settings, *self.repeats_settings]
        return {**shaping, "estimators": [_described(each) for each in settings]}


def config_from_flags() -> SimulateFrequencyConfig:
    """Returns the configuration that the flags describe."""
    return SimulateFrequencyConfig(
        output_dir=common_flags.OUTPUT_DIR.value,
        rates=_numbers(_RATES, float),
        num_hashes=_numbers(_HASHES, int),
        batch_sizes=_numbers(_BATCH_SIZES, int),
        num_steps=_NUM_STEPS.value,
        num_repeat_steps=_NUM_REPEAT_STEPS.value,
        num_seeds=_NUM_SEEDS.value,
    )


def run(config: SimulateFrequencyConfig) -> dict:
    """Simulates what is not simulated yet, and writes the numbers and the figures.

    Returns:
      The object of `frequency.json`.
    """
    output = pathlib.Path(config.output_dir)
    runs_dir = output / "runs"
    runs_dir.mkdir(parents=True, exist_ok=True)
    steps_per_seed = config.num_steps + len(config.batch_sizes) * config.num_repeat_steps
    runs = []
    with (
        job.stage("Simulating") as counts,
        progress.progress_bar(config.num_seeds * steps_per_seed, "Simulating", "step") as bar,
    ):
        for seed in range(config.num_seeds):
            path = runs_dir / f"{seed}.json"
            if (made := _read_run(path, config)) is not None:
                bar.update(steps_per_seed)
            else:
                made = _simulate(config, seed, bar)
                artifacts.write_json(path, {"configuration": config.shape(), **made})
            runs.append(made)
        counts.update(seeds=config.num_seeds, estimators=len(config.switch_settings))
    result = _summary(config, runs)
    for name, draw in frequency_figures.FIGURES.items():
        artifacts.write_bytes(output / f"{name}.png", draw(result))
    artifacts.write_json(output / "frequency.json", result)
    logging.info("Wrote %s and %d figures beside it", output / "frequency.json", len(frequency_figures.FIGURES))
    return result


def _numbers(flag: flags.FlagHolder, kind: type) -> tuple:
    try:
        return tuple(kind(text) for text in flag.value)
    except ValueError as error:
        raise job.ConfigError(f"--{flag.name} must be a list of numbers like 1,2,4, but is {flag.value}.") from error


def _read_run(path: pathlib.Path, config: SimulateFrequencyConfig) -> dict | None:
    if not path.exists():
        return None
    made = artifacts.read_json(path)
    return made if made.get("configuration") == config.shape() else None


def _simulate(config: SimulateFrequencyConfig, seed: int, bar: tqdm.tqdm) -> dict:
    stream = frequency_streams.switch(seed, config.num_steps)
    switch = frequency_simulation.errors(config.switch_settings, stream, seed, config.checkpoints, bar.update)
    repeats = [_repeats_errors(config, batch_size, seed, bar) for batch_size in config.batch_sizes]
    return {"switch": switch.tolist(), "repeats": np.transpose(repeats).tolist()}


def _repeats_errors(config: SimulateFrequencyConfig, batch_size: int, seed: int, bar: tqdm.tqdm) -> list[float]:
    """Returns the plain mean |log error| of each estimator and, last, of exact counts."""
    steps = config.num_repeat_steps
    stream = frequency_streams.RepeatingIdStream(
        f"repeats_{batch_size}", _REPEATS_NUM_IDS, batch_size, steps, seed, _REPEATS_EXPONENT
    )
    ((_, estimates),) = frequency_simulation.simulate(
        config.repeats_settings, stream, seed, [steps], advance=bar.update
    )
    exact = frequency_simulation.exact_expected_count(stream, steps)
    return [stream.mean_log_error(each, steps) for each in (*estimates, exact)]


def _summary(config: SimulateFrequencyConfig, runs: list[dict]) -> dict:
    exact_counts = {"estimator": "exact_counts"}
    return {
        "format_version": FORMAT_VERSION,
        "configuration": {**config.shape(), "rate_of_hashes": _RATE_OF_HASHES, "num_seeds": config.num_seeds},
        "switch": {
            "error": "sum of |estimate - expected count| / (2 * batch size)",
            "steps": config.checkpoints,
            "curves": _curves([_described(each) for each in config.switch_settings], [run["switch"] for run in runs]),
        },
        "repeats": {
            "error": "mean of |log(estimate / expected count)|",
            "batch_sizes": list(config.batch_sizes),
            "curves": _curves(
                [*(_described(each) for each in config.repeats_settings), exact_counts],
                [run["repeats"] for run in runs],
            ),
        },
    }


def _described(setting: frequency_simulation.EstimatorSetting) -> dict:
    return {**dataclasses.asdict(setting), "num_bytes": setting.num_bytes}


def _curves(descriptions: list[dict], errors_of_runs: list[list[list[float]]]) -> list[dict]:
    """Returns a curve for each description: mean and standard deviation over the runs."""
    curves = []
    for row, description in enumerate(descriptions):
        points = list(zip(*(errors[row] for errors in errors_of_runs), strict=True))
        curves.append(
            {
                **description,
                "mean_error": [statistics.fmean(point) for point in points],
                "standard_deviation": [statistics.pstdev(point) for point in points],
            }
        )
    return curves


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required([common_flags.OUTPUT_DIR.name])
    app.run(main)


if __name__ == "__main__":
    console_main()
