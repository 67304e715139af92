"""What training and asking cost by number of candidates, each in a process of its own.

python -m benchmarks.course_table.scale MODEL NUM_CANDIDATES
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks import own_process
from tfrs_model import model_config, optimizers  # Before TensorFlow, since it selects Keras 2.
from tfrs_model import schema as schema_lib
from tfrs_model.baselines import corpus_softmax, output_matrix, query_states, softmax_dnn, weighted_als
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.two_tower_builder import build_towers

import tensorflow as tf  # isort: skip

MODELS = ("wals", "softmax, all candidates", "softmax, 8,192 sampled")
_NUM_INTERACTIONS, _NUM_QUERIES = 200_000, 20_000
_EMBEDDING_DIM, _HISTORY_LENGTH = 64, 10
_BATCH_SIZE, _NUM_STEPS = 512, 12
_NUM_ASKED = 1000


def measure(small: int, large: int) -> dict:
    """Returns each model at both sizes, and whether the sampled softmax grows least, and by less than half as fast."""
    rows = [
        {"model": model, "num_candidates": size, **own_process.measure("benchmarks.course_table.scale", model, size)}
        for model in MODELS
        for size in (small, large)
    ]
    seconds = [row["seconds_per_pass"] for row in rows]
    growth = {model: seconds[2 * i + 1] / seconds[2 * i] for i, model in enumerate(MODELS)}
    return {
        "num_interactions": _NUM_INTERACTIONS,
        "embedding_dim": _EMBEDDING_DIM,
        "rows": [{name: value for name, value in row.items() if name != "process_seconds"} for row in rows],
        "growth_of_seconds": growth,
        "holds": growth[MODELS[2]] < 0.5 * growth[MODELS[1]],
    }


def _log(num_candidates: int) -> interactions_lib.Interactions:
    generator = np.random.default_rng(0)
    return interactions_lib.Interactions(
        np.arange(_NUM_INTERACTIONS) % _NUM_QUERIES,
        generator.integers(0, num_candidates, _NUM_INTERACTIONS),
        np.zeros(_NUM_INTERACTIONS, np.int64),
        np.ones(_NUM_INTERACTIONS, np.float32),
        _NUM_QUERIES,
        num_candidates,
    )


def _wals(num_candidates: int) -> dict:
    log = _log(num_candidates)
    als = weighted_als.WeightedAls(_EMBEDDING_DIM, num_sweeps=3, folds_in=True)
    held = own_process.resident_bytes()
    ends = []
    fitted = als.fit(log, lambda: ends.append(time.perf_counter()))
    peak = own_process.peak_bytes()
    rows = log.candidate_rows[: _HISTORY_LENGTH * _NUM_ASKED]

    def embed(count: int) -> None:
        bounds = np.arange(count + 1) * _HISTORY_LENGTH
        fitted.embed_queries(query_states.QueryStates(np.arange(count), bounds[:-1], bounds[1:], rows))

    # The first sweep traces graphs.
    seconds = float(np.median(np.diff(ends)))
    return _figures(seconds, peak - held, 4 * _EMBEDDING_DIM * (_NUM_QUERIES + num_candidates), embed)


def _softmax(num_candidates: int, num_sampled: int | None) -> dict:
    log = _log(num_candidates)
    ids = np.array([f"c{i}" for i in range(num_candidates)], object)
    config = model_config.ModelConfig(
        embedding_dim=_EMBEDDING_DIM,
        use_query_id=False,
        history_length=_HISTORY_LENGTH,
        dropout=0.0,
        similarity="dot",
    )
    held = own_process.resident_bytes()
    query_tower, _ = build_towers(config, model_config.ModelInputs((), tuple(ids.tolist())), 0)
    model = softmax_dnn.SoftmaxDnn(
        query_tower,
        output_matrix.OutputMatrix(ids, _EMBEDDING_DIM, 0),
        corpus_softmax.CorpusSoftmax(log.counts, 1.0, num_sampled),
    )
    model.compile(optimizers.build_optimizer(optimizers.OptimizerConfig(optimizer="lazy_adam", learning_rate=0.003)))
    step, seconds = tf.function(model.train_step), []
    for number in range(_NUM_STEPS):
        rows = log.candidate_rows[number * _BATCH_SIZE : (number + 1) * _BATCH_SIZE]
        histories = log.candidate_rows[: _BATCH_SIZE * _HISTORY_LENGTH].reshape(_BATCH_SIZE, _HISTORY_LENGTH)
        batch = {
            "query": {schema_lib.HISTORY: tf.constant(ids[histories], tf.string)},
            "candidate": {schema_lib.CANDIDATE_ID: tf.constant(ids[rows], tf.string)},
            "weight": tf.ones([_BATCH_SIZE]),
        }
        started = time.perf_counter()
        float(step(batch)["loss"])
        seconds.append(time.perf_counter() - started)
    peak = own_process.peak_bytes()
    tower = tf.function(query_tower)
    asked = tf.constant(ids[log.candidate_rows[: _NUM_ASKED * _HISTORY_LENGTH]].reshape(-1, _HISTORY_LENGTH), tf.string)

    def embed(count: int) -> None:
        tower({schema_lib.HISTORY: asked[:count]}).numpy()

    per_pass = float(np.median(seconds[2:])) * _NUM_INTERACTIONS / _BATCH_SIZE
    weights = sum(4 * int(np.prod(each.shape)) for each in model.trainable_variables)
    return _figures(per_pass, peak - held, weights, embed)


def _figures(seconds: float, added_bytes: int, model_bytes: int, embed: Callable[[int], None]) -> dict:
    return {
        "seconds_per_pass": seconds,
        "training_megabytes": added_bytes / 1e6,
        "model_megabytes": model_bytes / 1e6,
        "embed_one_milliseconds": 1e3 * _median_seconds(lambda: embed(1)),
        "embed_1000_milliseconds": 1e3 * _median_seconds(lambda: embed(_NUM_ASKED)),
    }


def _median_seconds(function: Callable[[], None]) -> float:
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[2:]))


if __name__ == "__main__":
    model, size = sys.argv[1], int(sys.argv[2])
    measures = {
        MODELS[0]: _wals,
        MODELS[1]: lambda number: _softmax(number, None),
        MODELS[2]: lambda number: _softmax(number, softmax_dnn.NUM_SAMPLED),
    }
    print(json.dumps(measures[model](size)))
