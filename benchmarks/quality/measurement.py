"""All variants and baselines of a data set, trained and asked, and the object of the JSON line."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import own_process, test_split_ledger
from benchmarks.quality import baselines, kept_results, runs, variants
from benchmarks.quality import sources as sources_lib
from benchmarks.quality.datasets import DATASETS, Bars, Dataset
from pipelines import interval_figures, job, prepared_data, training_config
from tfrs_model.metrics import paired

_TFRS = "tfrs_two_tower"
_COMPARED_AT = 10


@dataclasses.dataclass(frozen=True)
class QualityConfig:
    """What is measured.

    Attributes:
      dataset: a name in `DATASETS`.
      work_dir: directory for data, models and results.
      split: `validation` or `test`.
      variants: names, or `all`.
      num_seeds: of the default; `None` is what the data set says.
      with_baselines: whether the baselines are asked.
      options: training options above those of the shipped configuration, for validation alone.
      sources: where data sets lie.
    """

    dataset: str
    work_dir: str
    split: str = "test"
    variants: tuple[str, ...] = ("default", "uncorrected")
    num_seeds: int | None = None
    with_baselines: bool = True
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sources: sources_lib.Sources = dataclasses.field(default_factory=sources_lib.Sources)

    def __post_init__(self) -> None:
        if self.split == "test" and self.options:
            raise job.ConfigError(
                f"Training options such as --{next(iter(self.options))} may be given with --quality_split=validation "
                "alone; the test split is asked of the shipped configuration as it is."
            )


class Benchmark:
    """One data set with its directories.

    Args:
      config: what is measured.
    """

    def __init__(self, config: QualityConfig):
        self._config = config
        self._dataset = DATASETS[config.dataset]
        self._root = pathlib.Path(config.work_dir) / config.dataset
        self._shipped = {**training_config.read_options(self._dataset.config), **config.options}
        self._default = variants.build(self._dataset, variants.DEFAULT, self._shipped)
        self._prepared_dirs: dict[tuple[str, bool, bool], str] = {}

    def defaults(self) -> list[kept_results.Result]:
        """Returns what the configuration answers, one for each seed."""
        num_seeds = self._config.num_seeds or self._dataset.num_seeds
        return [self._run(self._default, seed) for seed in range(num_seeds)]

    def ablations(self) -> dict[str, kept_results.Result]:
        """Returns what the other variants answer with the first seed; one that trains as the default does is that."""
        names = variants.chosen(self._dataset, self._config.variants)
        built = [variants.build(self._dataset, name, self._shipped) for name in names if name != variants.DEFAULT]
        return {each.name: self._run(self._default if each.is_like(self._default) else each, 0) for each in built}

    def baselines(self) -> dict[str, list[kept_results.Result]]:
        """Returns what each baseline answers, one for each seed where it has seeds."""
        names = self._dataset.baselines if self._config.with_baselines else ()
        num_seeds = self._config.num_seeds or self._dataset.num_seeds
        return {
            name: [self._baseline(name, seed) for seed in range(num_seeds if name in baselines.SEEDED else 1)]
            for name in names
        }

    def _run(self, variant: variants.Variant, seed: int) -> kept_results.Result:
        prepared_dir = self._prepared_dir(self._config.split, variant.reads_content, variant.reads_order)
        directory = self._directory(variant.name, seed)
        return runs.run_once(self._dataset, variant, seed, prepared_dir, directory, self._config.split)

    def _baseline(self, name: str, seed: int) -> kept_results.Result:
        def prepared(split: str) -> prepared_data.PreparedData:
            default = self._default
            return prepared_data.read_prepared_data(
                self._prepared_dir(split, default.reads_content, default.reads_order)
            )

        directory = self._directory(name, seed)
        return baselines.run_baseline(self._dataset, name, seed, prepared, directory, self._config.split)

    def _directory(self, name: str, seed: int) -> pathlib.Path:
        return self._root / f"fitted_on_{self._dataset.fitted_on(self._config.split)}" / name / str(seed)

    def _prepared_dir(self, split: str, with_content: bool, with_order: bool) -> str:
        key = split, with_content, with_order
        if key not in self._prepared_dirs:
            self._prepared_dirs[key] = sources_lib.prepare(
                self._dataset, self._root, split, with_content, self._config.sources, with_order
            )
        return self._prepared_dirs[key]


def run(config: QualityConfig) -> dict:
    """Trains and asks what is to be measured; returns the JSON line's object."""
    benchmark, dataset = Benchmark(config), DATASETS[config.dataset]
    default, ablations, asked_beside = benchmark.defaults(), benchmark.ablations(), benchmark.baselines()
    configuration = f"pipelines/configs/{dataset.config}.json"
    summary = summarise(dataset, default)
    return {
        "benchmark": "quality",
        "dataset": config.dataset,
        "split": config.split,
        "fitted_on": dataset.fitted_on(config.split),
        **summary,
        **(_bars(dataset.bars, summary, default) if dataset.bars and config.split == "test" else {}),
        "ablation": {name: _ablation(dataset, each, default[0]) for name, each in ablations.items()},
        "baselines": {name: summarise(dataset, each) for name, each in asked_beside.items()},
        **({"difference_to_tfrs": differences(default, asked_beside[_TFRS])} if _TFRS in asked_beside else {}),
        "peers": list(dataset.peers),
        "training_seconds": round(sum(each.figures["training_seconds"] for each in (*default, *ablations.values())), 1),
        "peak_memory_bytes": own_process.peak_bytes(),
        "configuration": configuration,
        "options_above_it": dict(config.options),
        "configuration_commit": test_split_ledger.last_commit(configuration),
        "code_commit": test_split_ledger.last_commit(*kept_results.CODE, "benchmarks/quality"),
        "test_split_evaluations": test_split_ledger.num_looks(config.dataset),
    }


def summarise(dataset: Dataset, results: list[kept_results.Result]) -> dict:
    """Returns medians and ranges over seeds, of the main questions and of the others, and what each seed gave."""
    figures = [each.figures for each in results]
    others = [name for name, value in figures[0].items() if isinstance(value, dict)]
    apart = {name: _medians(dataset.metrics, [each[name] for each in figures]) for name in others}
    return {**_medians(dataset.metrics, figures), **apart, "seeds": figures}


def _medians(names: tuple[str, ...], figures: list[dict]) -> dict:
    found = {name: [each[name] for each in figures] for name in names if name in figures[0]}
    ranges = {name: [min(values), max(values)] for name, values in found.items()}
    return {
        **{name: float(np.median(values)) for name, values in found.items()},
        **({"range": ranges} if ranges else {}),
    }


def _ablation(dataset: Dataset, result: kept_results.Result, default: kept_results.Result) -> dict:
    names = [name for name in dataset.metrics if name in result.figures]
    return {
        **result.figures,
        "minus_default": {name: result.figures[name] - default.figures[name] for name in names},
    }


def _bars(bars: Bars, summary: Mapping, default: list[kept_results.Result]) -> dict:
    """Returns each bar with whether it is cleared."""

    def at_least(bar: Mapping[str, float]) -> dict:
        return {name: {"at_least": value, "holds": summary[name] >= value} for name, value in bar.items()}

    must, reach = at_least(bars.must), at_least(bars.reach)
    if bars.training_seconds is not None:
        longest = max(each.figures["training_seconds"] for each in default)
        must["training_seconds"] = {"at_most": bars.training_seconds, "holds": longest <= bars.training_seconds}
    return {"must": must, "reach": reach, "holds": all(each["holds"] for each in must.values())}


def differences(ours: list[kept_results.Result], theirs: list[kept_results.Result]) -> dict:
    """Returns how much better we are by recall@10 and NDCG@10 on the same interactions, with 95% intervals."""
    ranks = [np.stack([each.ranks for each in results]).astype(np.float64) for results in (ours, theirs)]
    hits = [each <= _COMPARED_AT for each in ranks]
    gains = [np.where(hit, 1.0 / np.log2(rank + 1.0), 0.0) for hit, rank in zip(hits, ranks, strict=True)]
    found = {metric: paired.difference(*values) for metric, values in (("recall", hits), ("ndcg", gains))}
    return {f"{metric}_at_{_COMPARED_AT}": interval_figures.of_difference(each) for metric, each in found.items()}


def table(result: Mapping) -> str:
    """Returns the figures as lines of text, one for each that was asked."""
    return "\n".join(f"{name:<34}{text}" for name, text in _lines(result))


def _lines(result: Mapping) -> Iterator[tuple[str, str]]:
    asked = {"default": result, **result["ablation"], **result["baselines"]}
    for name, figures in asked.items():
        parts = {name: figures} | {
            f"{name}, {part}": each
            for part, each in figures.items()
            if isinstance(each, Mapping) and part in ("ties_as_in_file", "again")
        }
        for part, each in parts.items():
            metrics = [
                f"{metric} {each[metric]:.4f}" for metric in each if metric.startswith(("recall", "ndcg", "mrr"))
            ]
            if metrics:
                yield part, "  ".join(metrics)
