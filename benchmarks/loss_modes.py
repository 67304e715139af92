"""Which loss on which similarity at which temperature, on one data set, in one JSON line and one table.

    python -m benchmarks.loss_modes
    python -m benchmarks.loss_modes --loss_mode_temperatures=.1 --loss_mode_num_seeds=1 --num_epochs=5

Every mode is an objective (list-wise softmax, pair-wise Bayesian personalised ranking, point-wise cross entropy and
squared errors) of the scores of a similarity (cosine, inner product, negated squared distance), divided by a
temperature, with the sampling correction of the logits or without it. All else is alike: the towers, the in-batch
negatives, the optimizer and its rate, by default those of `pipelines.train`, above which any training option may be
given as a flag or by --config. What the model refuses to train stands in the table as refused, with its sentence below;
a mode whose training diverges with any seed stands there as diverged.

MovieLens-100K as the quick start prepares it. Models are fitted on train, validation picks the epoch and is asked; the
test split is not. So each figure is a little high, and the best of a table more so. Beside each recall@10, the mean
over seeds, is the 95% interval of its difference to the reference, paired by question: the softmax of cosines,
corrected, at the temperature that is nearest to .1. Finished runs are kept while code, options and data stay the same;
an interrupted training goes on.

It is a benchmark and no job of `pipelines`, since it measures the losses on public data and makes nothing that serves.
"""

import dataclasses
import itertools
import json
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.quality import kept_results, runs, sources
from benchmarks.quality.datasets import DATASETS
from benchmarks.quality.variants import Variant
from pipelines import artifacts, job, progress, text_table, training_config, training_flags, training_state
from tfrs_model import model_config
from tfrs_model.metrics import paired

_WORK_DIR = flags.DEFINE_string("loss_mode_work_dir", "loss_modes", "Directory for data and models; kept between runs.")
_TEMPERATURES = flags.DEFINE_list("loss_mode_temperatures", [".05", ".1", ".3", "1"], "Divisors of the scores.")
_NUM_SEEDS = flags.DEFINE_integer("loss_mode_num_seeds", 3, "Seeds of each mode, from 0.", lower_bound=1)

_DATASET = DATASETS["ml100k"]
_KINDS = {"softmax": "list-wise", "bayesian_personalised_ranking": "pair-wise"}
_CORRECTIONS = ("yi2019", "none")
_REFERENCE_TEMPERATURE = 0.1
_TOP = 10


@dataclasses.dataclass(frozen=True)
class Mode:
    """One way to make scores into a loss.

    Attributes:
      objective: a name of `model_config.NAMES`.
      similarity: the same.
      log_q_correction: `yi2019` or `none`.
      temperature: divisor of the scores.
    """

    objective: str
    similarity: str
    log_q_correction: str
    temperature: float

    @property
    def name(self) -> str:
        """Names its directory."""
        return f"{self.objective}_{self.similarity}_{self.log_q_correction}_{self.temperature:g}"

    @property
    def kind(self) -> str:
        """What a positive is held against: a list, one other, or its label."""
        return _KINDS.get(self.objective, "point-wise")


@dataclasses.dataclass(frozen=True)
class LossModesConfig:
    """What is trained.

    Attributes:
      work_dir: directory for data, models and results.
      temperatures: > 0, all different.
      num_seeds: of each mode.
      options: training options of all modes.
    """

    work_dir: str
    temperatures: tuple[float, ...] = (0.05, 0.1, 0.3, 1.0)
    num_seeds: int = 3
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.temperatures or len(set(self.temperatures)) < len(self.temperatures) or min(self.temperatures) <= 0:
            raise job.ConfigError(
                f"--loss_mode_temperatures must be different numbers > 0, one at least, but is {self.temperatures}."
            )
        fields = {field.name for field in dataclasses.fields(Mode)}
        if given := sorted((fields | {"seed"}) & set(self.options)):
            raise job.ConfigError(f"--{given[0]} is what differs between the modes; leave it out.")
        training_config.training_config(dict(self.options))

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Every combination."""
        names = model_config.NAMES
        axes = (names["objective"], names["similarity"], _CORRECTIONS, self.temperatures)
        return tuple(itertools.starmap(Mode, itertools.product(*axes)))

    @property
    def reference(self) -> Mode:
        """What the others are compared with, chosen before anything is trained."""
        nearest = min(self.temperatures, key=lambda each: abs(np.log(each / _REFERENCE_TEMPERATURE)))
        return Mode("softmax", "cosine", "yi2019", nearest)


def config_from_flags() -> LossModesConfig:
    """Returns the configuration that the flags describe."""
    try:
        temperatures = tuple(float(each) for each in _TEMPERATURES.value)
    except ValueError as error:
        raise job.ConfigError(f"--loss_mode_temperatures must be numbers, but is {_TEMPERATURES.value}.") from error
    options = training_flags.options_from_file_and_flags()
    return LossModesConfig(_WORK_DIR.value, temperatures, _NUM_SEEDS.value, options)


def refusal(mode: Mode, options: Mapping[str, Any]) -> str | None:
    """Returns why the model does not train a mode, or `None` if it does."""
    try:
        _training(mode, options)
    except model_config.ModelConfigError as error:
        return str(error)
    return None


def run(config: LossModesConfig) -> dict:
    """Trains and asks every mode with every seed; returns the JSON line's object and writes the table."""
    directory = pathlib.Path(config.work_dir)
    prepared_dir = sources.prepare(_DATASET, directory, "validation", True, sources.Sources(), True)
    reasons = {mode: refusal(mode, config.options) for mode in config.modes}
    trained = [mode for mode, reason in reasons.items() if reason is None]
    results: dict[Mode, list[kept_results.Result]] = {mode: [] for mode in trained}
    diverged: dict[Mode, str] = {}
    with progress.progress_bar(len(trained) * config.num_seeds, "Loss modes", "run") as bar:
        # All modes with one seed first, so that an interrupted study has compared something.
        for seed, mode in itertools.product(range(config.num_seeds), trained):
            try:
                results[mode].append(_run_once(config, mode, seed, prepared_dir, directory))
            except training_state.TrainingDivergedError as error:
                # Without a reference there is nothing to compare with.
                if mode == config.reference:
                    raise
                diverged.setdefault(mode, f"Seed {seed}: {error}")
            bar.update()
    reference = _hits(results[config.reference])
    rows = [_row(mode, reasons[mode], diverged.get(mode), results.get(mode, []), reference) for mode in config.modes]
    result = {
        "benchmark": "loss_modes",
        "dataset": _DATASET.name,
        "split": "validation",
        "seeds": config.num_seeds,
        "options": {**training_config.default_options(), **config.options},
        "reference": dataclasses.asdict(config.reference),
        "rows": rows,
    }
    artifacts.write_text(directory / "loss_modes.md", table(rows, config.temperatures))
    return result


def _run_once(
    config: LossModesConfig, mode: Mode, seed: int, prepared_dir: str, directory: pathlib.Path
) -> kept_results.Result:
    # The graphs of the runs before are of no use any more.
    tf.keras.backend.clear_session()
    variant = Variant(mode.name, _options(mode, config.options), reads_content=True)
    kept = directory / mode.name / str(seed)
    return runs.run_once(_DATASET, variant, seed, prepared_dir, kept, "validation")


def _training(mode: Mode, options: Mapping[str, Any]) -> training_config.TrainingConfig:
    return training_config.training_config(_options(mode, options))


def _options(mode: Mode, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, **dataclasses.asdict(mode)}


def _hits(results: Sequence[kept_results.Result]) -> np.ndarray:
    """Returns `[num_seeds, num_questions]`, 1 where the target is among the first ten."""
    return np.stack([each.ranks <= _TOP for each in results]).astype(np.float64)


def _row(
    mode: Mode,
    reason: str | None,
    divergence: str | None,
    results: Sequence[kept_results.Result],
    reference: np.ndarray,
) -> dict:
    """Returns the figures of a mode, or why it has none: it was refused, or diverged with some seed."""
    about = {"kind": mode.kind, **dataclasses.asdict(mode)}
    if reason is not None:
        return {**about, "refused": reason}
    if divergence is not None:
        return {**about, "diverged": divergence}
    hits = _hits(results)
    figures = [each.figures for each in results]
    return {
        **about,
        "recall_at_10": float(hits.mean()),
        "interval": _interval(hits, np.zeros_like(hits)),
        "minus_reference": _interval(hits, reference),
        "ndcg_at_10": float(np.mean([each["ndcg_at_10"] for each in figures])),
        "recall_at_100": float(np.mean([each["recall_at_100"] for each in figures])),
        "best_epochs": [each["best_epoch"] for each in figures],
        "training_seconds": float(sum(each["training_seconds"] for each in figures)),
    }


def _interval(hits: np.ndarray, others: np.ndarray) -> list[float]:
    found = paired.difference(hits, others)
    return [found.low, found.high]


def table(rows: Sequence[Mapping], temperatures: Sequence[float]) -> str:
    """Returns what was trained as one Markdown table with a column for each temperature, and what was refused below."""
    cells = {(*_start(row), row["temperature"]): _cell(row) for row in rows if "refused" not in row}
    heads = ["", "objective", "similarity", "logQ", *(f"T = {each:g}" for each in temperatures)]
    starts = dict.fromkeys(key[:-1] for key in cells)
    body = [[*start, *(cells.get((*start, each), "refused") for each in temperatures)] for start in starts]
    return "\n\n".join([text_table.markdown(heads, body), *_refusals(rows)]) + "\n"


def _refusals(rows: Sequence[Mapping]) -> list[str]:
    """Returns each reason once, behind what it refused."""
    by_reason: dict[str, dict[str, None]] = {}
    for row in rows:
        if "refused" in row:
            by_reason.setdefault(row["refused"], {})[f"{row['similarity']} with logQ {row['log_q_correction']}"] = None
    return [f"Refused, {', '.join(modes)}: {reason}" for reason, modes in by_reason.items()]


def _start(row: Mapping) -> tuple[str, ...]:
    return row["kind"], row["objective"], row["similarity"], row["log_q_correction"]


def _cell(row: Mapping) -> str:
    if "diverged" in row:
        return "diverged"
    low, high = row["minus_reference"]
    return f"{row['recall_at_10']:.3f} ({low:+.3f} to {high:+.3f})"


def main(argv: list[str]) -> None:
    """Prints one JSON line, and the table on stderr."""

    def measure() -> None:
        started = time.monotonic()
        config = config_from_flags()
        result = run(config)
        print(table(result["rows"], config.temperatures), file=sys.stderr)
        print(json.dumps({**result, "seconds": round(time.monotonic() - started, 1)}))

    job.run_main(measure, argv)


if __name__ == "__main__":
    app.run(main)
