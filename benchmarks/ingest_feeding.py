"""Feeding batches of ids with histories, beside the step that trains on them and a plain read of the same columns.

    python -m benchmarks.ingest_feeding PREPARED_DIR BATCH_SIZE NUM_ROUNDS

runs alone, as a process of its own, and prints a JSON object.
"""

import itertools
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import pyarrow.parquet as pq
import tensorflow as tf

from benchmarks import own_process
from pipelines import artifacts, feeding, prepared_data
from tfrs_model import model_config, optimizers, two_tower_builder
from tfrs_model import schema as schema_lib

_BATCH_SIZE = 4096
_HISTORY_LENGTH = 50
_NUM_ROUNDS = 5
_LIMIT = 5.0
# A fresh iterator's first batches wait for its functions to be built, and what it has made ahead is used up by then.
_NUM_FIRST_BATCHES = 10
_NUM_BATCHES = 60
_NUM_STEPS = 4


def beside_the_step(prepared_dir: pathlib.Path, batch_size: int = _BATCH_SIZE, num_rounds: int = _NUM_ROUNDS) -> dict:
    """Returns the batches a second that are fed, trained on, and read; in turns, in a process of its own."""
    measured = own_process.measure("benchmarks.ingest_feeding", prepared_dir, batch_size, num_rounds)
    rates = measured["batches_per_second"]
    times = rates["feeding"] / rates["training_step"]
    return {
        "batch_size": batch_size,
        "history_length": _HISTORY_LENGTH,
        **measured,
        "times_the_training_step": times,
        "limit_of_times": _LIMIT,
        "holds": times >= _LIMIT,
    }


def _rates(prepared_dir: str, batch_size: int, num_rounds: int) -> dict:
    before = own_process.peak_bytes()
    started = time.perf_counter()
    data = prepared_data.read_prepared_data(prepared_dir)
    examples = data.examples("train")
    batches = feeding.Feeder(data, _HISTORY_LENGTH).training_batches(examples, batch_size, 0, 0, 1 << 40)
    ready = list(batches.take(_NUM_STEPS))
    read = {"seconds_to_first_batches": time.perf_counter() - started, "interactions": len(examples)}
    read |= {"memory_bytes_before": before, "peak_memory_bytes_of_feeding": own_process.peak_bytes()}
    step = _training_step(prepared_dir)
    log = artifacts.PreparedPaths(prepared_dir).interactions
    seconds = _median_seconds(
        {
            "feeding": lambda: _feed(batches),
            "training_step": lambda: _train(step, ready),
            "pyarrow_read": lambda: _read(log, batch_size),
        },
        num_rounds,
    )
    return {**read, "batches_per_second": {name: 1 / each for name, each in seconds.items()}}


def _median_seconds(functions: dict[str, Callable[[], float]], num_rounds: int) -> dict[str, float]:
    """Returns the median of the seconds that each function answers; in turns, the first round not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(1 + num_rounds):
        for name, function in functions.items():
            seconds[name].append(function())
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def _training_step(prepared_dir: str) -> Callable:
    """Returns the compiled step of the default model with longer histories, as fast as it gets.

    Adagrad touches the rows of the batch only; Adam, the default, passes over whole tables, and a step with it takes
    several times as long, beside which any feeding looks fast.
    """
    config = model_config.ModelConfig(history_length=_HISTORY_LENGTH, dropout=0.0)
    model = two_tower_builder.build_two_tower(config, prepared_data.read_model_inputs(prepared_dir), seed=0)
    model.compile(optimizer=optimizers.build_optimizer(optimizers.OptimizerConfig(optimizer="adagrad")))
    return tf.function(model.train_step)


def _feed(batches: tf.data.Dataset) -> float:
    iterator = iter(batches)
    _use_up(itertools.islice(iterator, _NUM_FIRST_BATCHES))
    started = time.perf_counter()
    _use_up(itertools.islice(iterator, _NUM_BATCHES))
    return (time.perf_counter() - started) / _NUM_BATCHES


def _use_up(batches: Iterator) -> None:
    for _ in batches:
        pass


def _train(step: Callable, batches: list) -> float:
    """Trains on batches that lie ready in memory."""
    started = time.perf_counter()
    for batch in batches:
        float(step(batch)["loss"])
    return (time.perf_counter() - started) / len(batches)


def _read(log: pathlib.Path, batch_size: int) -> float:
    """Reads the ids of the log in order, which is neither shuffled nor joined to any history."""
    started = time.perf_counter()
    with pq.ParquetFile(log) as file:
        columns = [schema_lib.QUERY_ID, schema_lib.CANDIDATE_ID]
        num_batches = sum(1 for _ in file.iter_batches(batch_size, columns=columns))
    return (time.perf_counter() - started) / num_batches


if __name__ == "__main__":
    print(json.dumps(_rates(sys.argv[1], *map(int, sys.argv[2:]))))
