"""Ranking quality on a public data set, with and without the frequency correction, in one JSON line.

    python -m benchmarks.quality --dataset=ml100k

Protocol: every rating is a positive; per query, ordered by time (ties as in the
file), the last interaction is test, the one before validation, the rest train;
the full corpus is ranked with the query's training and validation candidates
excluded; histories hold strictly earlier interactions only. Models are fitted
on train, their best epoch is picked on validation, and the test split is asked
once per variant and seed. Finished runs are kept and not repeated while code and
options stay the same; each look at the test split adds a line to
`benchmarks/test_split_ledger.jsonl` before it is taken. The quick start, which
reports the test split of the same configuration to its user, is not counted.
"""

import dataclasses
import json
import pathlib
import resource
import time

import numpy as np
from absl import app, flags

from benchmarks import test_split_ledger
from pipelines import evaluate, job, movielens, prepare_data, quickstart, train, training_config

_DATASETS = {"ml100k": "movielens_100k"}
_DATASET = flags.DEFINE_enum("dataset", "ml100k", sorted(_DATASETS), "Which data set.")
_WORK_DIR = flags.DEFINE_string("work_dir", "benchmark_runs", "Directory for data and models; kept between runs.")
_NUM_SEEDS = flags.DEFINE_integer("num_seeds", 3, "Seeds per variant, from 0.", lower_bound=1)

_VARIANTS = {"corrected": {}, "uncorrected": {"log_q_correction": "none"}}
_METRICS = ("recall_at_10", "recall_at_50", "recall_at_100", "ndcg_at_10", "mrr")
_CODE = ("tfrs_model", "pipelines", "benchmarks/quality.py")
# Measured on the same split by others; see the README for the protocol.
_PEERS = {"ml100k": {"recall_at_10": 0.143, "ndcg_at_10": 0.074, "system": "TFRS two-tower with counted logQ"}}


@dataclasses.dataclass(frozen=True)
class QualityConfig:
    """What is measured.

    Attributes:
      dataset: a key of the known data sets.
      work_dir: directory for data and models.
      num_seeds: runs per variant.
    """

    dataset: str
    work_dir: str
    num_seeds: int


def config_from_flags() -> QualityConfig:
    """Returns the configuration that the flags describe."""
    return QualityConfig(_DATASET.value, _WORK_DIR.value, _NUM_SEEDS.value)


def run(config: QualityConfig) -> dict:
    """Trains and evaluates every variant and seed; returns the JSON line's object."""
    started = time.monotonic()
    name = _DATASETS[config.dataset]
    work_dir = pathlib.Path(config.work_dir) / config.dataset
    prepared_dir = _prepare(work_dir)
    shipped = training_config.read_options(name)
    variants = {}
    for variant, changes in _VARIANTS.items():
        seeds = [
            _run_once(config.dataset, work_dir / variant, prepared_dir, {**shipped, **changes, "seed": seed})
            for seed in range(config.num_seeds)
        ]
        medians = {metric: float(np.median([each[metric] for each in seeds])) for metric in _METRICS}
        variants[variant] = {**medians, "seeds": seeds}
    return {
        "benchmark": "quality",
        "dataset": config.dataset,
        **variants["corrected"],
        "uncorrected": variants["uncorrected"],
        "peer": _PEERS[config.dataset],
        "seconds": round(time.monotonic() - started, 1),
        "training_seconds": round(
            sum(each["training_seconds"] for one in variants.values() for each in one["seeds"]), 1
        ),
        "peak_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "configuration": f"pipelines/configs/{name}.json",
        "configuration_commit": test_split_ledger.last_commit(f"pipelines/configs/{name}.json"),
        "code_commit": test_split_ledger.last_commit(*_CODE),
        "test_split_evaluations": test_split_ledger.num_looks(config.dataset),
    }


def _prepare(work_dir: pathlib.Path) -> str:
    files = movielens.fetch_movielens_100k("", work_dir / "raw")
    prepared_dir = str(work_dir / "prepared")
    prepare_data.run(quickstart.prepare_config(files, prepared_dir))
    return prepared_dir


def _run_once(dataset: str, variant_dir: pathlib.Path, prepared_dir: str, options: dict) -> dict:
    run_dir = variant_dir / str(options["seed"])
    trained = train.run(
        train.TrainJobConfig(prepared_dir, str(run_dir / "model"), training_config.training_config(options))
    )
    evaluation = evaluate.run(
        evaluate.EvaluateConfig(prepared_dir, str(run_dir / "model"), str(run_dir / "evaluation.json")),
        before_asking=lambda: test_split_ledger.note(dataset, variant_dir.name, options["seed"], *_CODE),
    )
    return {
        "seed": options["seed"],
        **{metric: evaluation["model"][metric] for metric in _METRICS},
        "best_epoch": trained.best_epoch,
        "training_seconds": round(sum(record["seconds"] for record in trained.history), 1),
    }


def main(argv: list[str]) -> None:
    """Prints one JSON line."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


if __name__ == "__main__":
    app.run(main)
