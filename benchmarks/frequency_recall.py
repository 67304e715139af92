"""What the frequency correction is worth in recall: none, exact counts, the paper's estimator and the default.

    python -m benchmarks.frequency_recall --datasets=ml100k,gowalla --gowalla_path=gowalla.parquet

Each model is trained at a small and at a large batch and is asked over the full
corpus. The epoch is picked on one set of held-out interactions and its recall
is that of another. MovieLens-100K: picked on validation, reported on test, each
look noted in `benchmarks/test_split_ledger.jsonl`. Gowalla: the file's
`train_extra` rows are held out of the papers' training set, one half to pick
on, the other to report; its test split is not used. Exact counts are those of
the training split, known from the first step on, as no stream could know them.

A difference to exact counts is noise if its 95% interval holds 0: seeds and
held-out interactions are both drawn again, a thousand times. Finished runs are
kept and not repeated while code and options stay the same.
"""

import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from absl import app, flags

from benchmarks import data_flags, exact_counts, test_split_ledger
from pipelines import (
    feeding,
    job,
    movielens,
    offline_evaluation,
    prepare_data,
    prepared_data,
    progress,
    quickstart,
    source_digest,
)
from tfrs_model import model_config, two_tower_builder
from tfrs_model import schema as schema_lib
from tfrs_model.metrics import paired, relevance, target_ranks

_DATASETS = flags.DEFINE_list("datasets", ["ml100k", "gowalla"], "Some of ml100k, gowalla.")
flags.declare_key_flag("gowalla_path")
_WORK_DIR = flags.DEFINE_string("recall_work_dir", "benchmark_runs/frequency_recall", "Kept between runs.")
_NUM_SEEDS = flags.DEFINE_integer("recall_num_seeds", 3, "Seeds of each cell, from 0.", lower_bound=1)

_CORRECTIONS = ("none", "exact", "paper", "default")
_CODE = (
    "tfrs_model",
    "pipelines/feeding.py",
    "pipelines/offline_evaluation.py",
    "pipelines/prepared_data.py",
    "benchmarks/exact_counts.py",
    "benchmarks/frequency_recall.py",
)
_NUM_REPORTED = 20_000


@dataclasses.dataclass(frozen=True)
class Trial:
    """How the models of one data set and batch size are trained; the correction is all that differs between them.

    Attributes:
      batch_size: positives per step.
      num_epochs: at most.
      patience: epochs without a better one.
      learning_rate: of Adam.
      k: cut-off of the recall.
      model: options of the model.
    """

    batch_size: int
    num_epochs: int
    patience: int
    learning_rate: float
    k: int
    model: Mapping


_MOVIELENS = {"history_length": 5, "dropout": 0.3, "temperature": 0.07}
_CHECK_INS = {"history_length": 0, "dropout": 0.1, "temperature": 0.07}
TRIALS = {
    "ml100k": (Trial(1024, 40, 6, 0.002, 10, _MOVIELENS), Trial(8192, 120, 12, 0.006, 10, _MOVIELENS)),
    "gowalla": (Trial(1024, 6, 2, 0.01, 20, _CHECK_INS), Trial(8192, 8, 2, 0.02, 20, _CHECK_INS)),
}


@dataclasses.dataclass(frozen=True)
class _Data:
    name: str
    prepared: prepared_data.PreparedData
    prepared_dir: str
    picked_on: offline_evaluation.HeldOut
    reported: offline_evaluation.HeldOut


def run(datasets: list[str], gowalla_path: str | None, work_dir: str, num_seeds: int) -> dict:
    """Trains and asks every cell; returns the JSON line's object."""
    started = time.monotonic()
    root = pathlib.Path(work_dir)
    rows = []
    for name in datasets:
        data = _read(name, gowalla_path, root)
        for trial in TRIALS[name]:
            ranks = {
                correction: np.stack([_ranks(root, data, trial, correction, seed) for seed in range(num_seeds)])
                for correction in _CORRECTIONS
            }
            rows += [_row(name, trial, correction, ranks) for correction in _CORRECTIONS]
    return {
        "benchmark": "frequency_recall",
        "rows": rows,
        "holds": all(row["holds"] for row in rows),
        "seconds": round(time.monotonic() - started, 1),
    }


def _row(name: str, trial: Trial, correction: str, ranks: Mapping[str, np.ndarray]) -> dict:
    hits = {each: values <= trial.k for each, values in ranks.items()}
    minus_exact = paired.difference(hits[correction], hits["exact"])
    is_noise = minus_exact.low <= 0.0 <= minus_exact.high
    is_large = trial is TRIALS[name][-1]
    expected = {"default": is_noise, "paper": minus_exact.high < 0.0 or not is_large}
    of_all_seeds = target_ranks.of_single_targets(ranks[correction].ravel())
    summary = relevance.summarize(relevance.measure(of_all_seeds, (trial.k,), ("recall", "ndcg")))
    return {
        "dataset": name,
        "batch_size": trial.batch_size,
        "correction": correction,
        **summary,
        "seeds": hits[correction].mean(axis=1).round(4).tolist(),
        "minus_exact": minus_exact.mean,
        "interval": [minus_exact.low, minus_exact.high],
        "is_noise": is_noise,
        "holds": expected.get(correction, True),
    }


def _ranks(root: pathlib.Path, data: _Data, trial: Trial, correction: str, seed: int) -> np.ndarray:
    """Returns the ranks of the reported interactions by the picked epoch, from an earlier run if there is one."""
    directory = root / data.name / f"{trial.batch_size}-{correction}-{seed}"
    origin = {
        "trial": dataclasses.asdict(trial),
        "data": data.prepared.manifest_sha256,
        "source": source_digest.source_sha256(*_CODE),
    }
    done, ranks_path = directory / "origin.json", directory / "ranks.npy"
    if done.exists() and json.loads(done.read_text()) == json.loads(json.dumps(origin)):
        return np.load(ranks_path)
    directory.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    with job.stage(f"{data.name}, batch size {trial.batch_size}, {correction}, seed {seed}") as counts:
        ranks, epoch = _train_and_ask(data, trial, correction, seed)
        counts.update(epoch=epoch, recall=f"{np.mean(ranks <= trial.k):.4f}")
    np.save(ranks_path, ranks)
    done.write_text(json.dumps(origin))
    return ranks


def _train_and_ask(data: _Data, trial: Trial, correction: str, seed: int) -> tuple[np.ndarray, int]:
    examples = data.prepared.examples("train")
    model = _model(data, trial, correction, seed)
    feeder = feeding.Feeder(data.prepared, trial.model["history_length"])
    embedder = offline_evaluation.Embedder(model, feeder)
    steps = len(examples) // trial.batch_size
    batches = iter(feeder.training_batches(examples, trial.batch_size, seed, 0, steps * trial.num_epochs))
    step = tf.function(model.train_step)
    best, best_epoch, weights = -1.0, 0, None
    with progress.progress_bar(trial.num_epochs, correction, "epoch") as bar:
        for epoch in range(1, trial.num_epochs + 1):
            for _ in range(steps):
                step(next(batches))
            recall = np.mean(offline_evaluation.rank_model(embedder, data.picked_on).target_ranks <= trial.k)
            bar.set_postfix({"recall": recall})
            bar.update()
            if recall > best:
                best, best_epoch, weights = recall, epoch, model.get_weights()
            elif epoch - best_epoch >= trial.patience:
                break
    model.set_weights(weights)
    if data.name == "ml100k":
        test_split_ledger.note(data.name, f"frequency_recall/{trial.batch_size}/{correction}", seed, *_CODE)
    return offline_evaluation.rank_model(embedder, data.reported).target_ranks, best_epoch


def _model(data: _Data, trial: Trial, correction: str, seed: int) -> tf.keras.Model:
    estimator = "paper" if correction == "paper" else "multiscale"
    config = model_config.ModelConfig(
        **trial.model, log_q_correction="none" if correction == "none" else "yi2019", frequency_estimator=estimator
    )
    inputs, counts = prepared_data.read_model_inputs(data.prepared_dir), None
    if correction == "exact":
        training_counts = data.prepared.training_counts()
        counts = exact_counts.ExactCounts(data.prepared.candidate_ids, training_counts, trial.batch_size)
    model = two_tower_builder.build_two_tower(config, inputs, seed, streaming_frequency=counts)
    model.compile(optimizer=tf.keras.optimizers.Adam(trial.learning_rate))
    return model


def _read(name: str, gowalla_path: str | None, root: pathlib.Path) -> _Data:
    prepared_dir = str(root / name / "prepared")
    if name == "ml100k":
        files = movielens.fetch_movielens_100k("", root / name / "raw")
        prepare_data.run(quickstart.prepare_config(files, prepared_dir))
        data = prepared_data.read_prepared_data(prepared_dir)
        picked_on, reported = (offline_evaluation.held_out(data, split) for split in ("validation", "test"))
        return _Data(name, data, prepared_dir, picked_on, reported)
    if not gowalla_path or not pathlib.Path(gowalla_path).exists():
        raise job.ConfigError(f"--gowalla_path must name the file of check-ins, but is {gowalla_path!r}.")
    prepare_data.run(_gowalla_config(gowalla_path, root / name, prepared_dir))
    data = prepared_data.read_prepared_data(prepared_dir)
    held_out = offline_evaluation.held_out(data, "validation")
    rows = np.random.default_rng(0).permutation(len(held_out.examples))[: 2 * _NUM_REPORTED]
    halves = (held_out.take(np.sort(half)) for half in np.array_split(rows, 2))
    return _Data(name, data, prepared_dir, *halves)


def _gowalla_config(path: str, directory: pathlib.Path, prepared_dir: str) -> prepare_data.PrepareConfig:
    """Writes the training part of the file with the names that preparation knows; `train_extra` is held out."""
    log = pq.read_table(path)
    split = np.array(log["split"].to_pylist())
    names = np.select([split == "train", split == "train_extra"], ["train", "validation"], "")
    renamed = pa.table({"user_id": log["user_id"], "item_id": log["item_id"], "split": names}).filter(names != "")
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(renamed, directory / "interactions.parquet")
    roles = schema_lib.InteractionColumns(query_id="user_id", candidate_id="item_id", timestamp=None, split="split")
    return prepare_data.PrepareConfig(
        str(directory / "interactions.parquet"), prepared_dir, schema_lib.Schema(interactions=roles)
    )


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""

    def measure() -> None:
        result = run(_DATASETS.value, data_flags.GOWALLA_PATH.value, _WORK_DIR.value, _NUM_SEEDS.value)
        for row in result["rows"]:
            print("  ".join(f"{name} {value}" for name, value in row.items()), file=sys.stderr)
        print(json.dumps(result))

    job.run_main(measure, argv)


if __name__ == "__main__":
    app.run(main)
