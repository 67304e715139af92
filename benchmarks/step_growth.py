"""Whole steps of Keras `fit` on tables of ids, beside the model of TFRS's tutorial, and how their cost grows."""

import statistics
import time

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import model_config, optimizers, two_tower, two_tower_builder
from tfrs_model import schema as schema_lib

_BATCH_SIZE = 4096
_EMBEDDING_DIM = 64
_NUM_QUERIES = 1_000_000
_NUM_CANDIDATES = 200_000
_NUM_STEPS = 20
_NUM_ROUNDS = 7
_LIMIT = 1.6
# Sizes of the growth table: all but one as in the comparison.
_BATCH_SIZES = (1024, 4096, 16384)
_EMBEDDING_DIMS = (32, 64, 128)
_TABLE_ROWS = (10_000, 100_000, 1_000_000)
_MOST_GROWTH = 1.2


class _Tutorial(tfrs.Model):
    """The retrieval tutorial's model: a lookup and a table on each side, TFRS's task as it comes."""

    def __init__(self, query_ids: list[str], candidate_ids: list[str], embedding_dim: int):
        super().__init__()
        self._query_tower, self._candidate_tower = (
            tf.keras.Sequential(
                [
                    tf.keras.layers.StringLookup(vocabulary=ids, mask_token=None),
                    tf.keras.layers.Embedding(len(ids) + 1, embedding_dim),
                ]
            )
            for ids in (query_ids, candidate_ids)
        )
        self._task = tfrs.tasks.Retrieval()

    def compute_loss(self, inputs: dict, training: bool = False) -> tf.Tensor:
        queries = self._query_tower(inputs["query"][schema_lib.QUERY_ID])
        candidates = self._candidate_tower(inputs["candidate"][schema_lib.CANDIDATE_ID])
        return self._task(queries, candidates, compute_metrics=False)


def fit_beside_tutorial(
    batch_size: int = _BATCH_SIZE, num_queries: int = _NUM_QUERIES, num_candidates: int = _NUM_CANDIDATES
) -> dict:
    """Times steps of `fit` of both models in turns, each with Adagrad; ours corrects by streamed frequencies."""
    query_ids, candidate_ids = _ids("q", num_queries), _ids("c", num_candidates)
    tutorial = _Tutorial(query_ids, candidate_ids, _EMBEDDING_DIM)
    tutorial.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    models = {"tfrs": tutorial, "ours": _ours(query_ids, candidate_ids, _EMBEDDING_DIM)}
    batches = _batches(batch_size, num_queries, num_candidates)
    seconds = _seconds_per_step({name: (model, batches) for name, model in models.items()})
    times = seconds["tfrs"] / seconds["ours"]
    return {
        "batch_size": batch_size,
        "embedding_dim": _EMBEDDING_DIM,
        "table_rows": [num_queries, num_candidates],
        **{f"{name}_milliseconds": 1e3 * each for name, each in seconds.items()},
        "times_tfrs": times,
        "limit_of_times_tfrs": _LIMIT,
        "holds": times >= _LIMIT,
    }


def growth() -> dict:
    """Times a step of `fit` for several batch sizes, widths and table sizes; only the last must not matter.

    Both tables have as many rows. All settings take their turns in one process.
    """
    usual = {"batch_size": _BATCH_SIZE, "embedding_dim": _EMBEDDING_DIM, "table_rows": _TABLE_ROWS[1]}
    settings = [{**usual, "batch_size": each} for each in _BATCH_SIZES]
    settings += [{**usual, "embedding_dim": each} for each in _EMBEDDING_DIMS]
    settings += [{**usual, "table_rows": each} for each in _TABLE_ROWS]
    rows = [
        {**setting, "step_milliseconds": 1e3 * each}
        for setting, each in zip(settings, _seconds_of(settings), strict=True)
    ]
    of_tables = [row["step_milliseconds"] for row in rows[-len(_TABLE_ROWS) :]]
    grown = of_tables[-1] / of_tables[0]
    return {
        "rows": rows,
        "times_from_smallest_to_largest_table": grown,
        "limit_of_times": _MOST_GROWTH,
        "holds": grown <= _MOST_GROWTH,
    }


def _ours(query_ids: list[str], candidate_ids: list[str], embedding_dim: int) -> two_tower.TwoTowerModel:
    inputs = model_config.ModelInputs(tuple(query_ids), tuple(candidate_ids))
    config = model_config.ModelConfig(embedding_dim=embedding_dim, history_length=0, dropout=0.0)
    model = two_tower_builder.build_two_tower(config, inputs, seed=0)
    model.compile(optimizer=optimizers.build_optimizer(optimizers.OptimizerConfig(optimizer="adagrad")))
    return model


def _seconds_of(settings: list[dict]) -> list[float]:
    trained = {}
    for i, setting in enumerate(settings):
        rows = setting["table_rows"]
        model = _ours(_ids("q", rows), _ids("c", rows), setting["embedding_dim"])
        trained[str(i)] = (model, _batches(setting["batch_size"], rows, rows))
    return list(_seconds_per_step(trained).values())


class _StepTimer(tf.keras.callbacks.Callback):
    """Notes the seconds from the end of a step to that of the next, all that Keras does between them included."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []
        self._ended: float | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts anew: what `fit` does before its first step is none of a step."""
        self._ended = None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Notes a step."""
        now = time.perf_counter()
        if self._ended is not None:
            self.seconds.append(now - self._ended)
        self._ended = now


def _seconds_per_step(trained: dict[str, tuple[tf.keras.Model, tf.data.Dataset]]) -> dict[str, float]:
    """Returns the median seconds of a step of `fit` over rounds in turns; the first round is not counted."""
    timers = {name: _StepTimer() for name in trained}
    for number in range(1 + _NUM_ROUNDS):
        for name, (model, batches) in trained.items():
            callbacks = [timers[name]] if number else []
            model.fit(batches, epochs=1, steps_per_epoch=_NUM_STEPS, verbose=0, callbacks=callbacks)
    return {name: statistics.median(timer.seconds) for name, timer in timers.items()}


def _batches(batch_size: int, num_queries: int, num_candidates: int) -> tf.data.Dataset:
    """Returns whole batches, so that what is timed is the step and not the cutting of its input."""
    generator = np.random.default_rng(0)
    shape = [_NUM_STEPS, batch_size]
    queries = np.char.add("q", generator.integers(0, num_queries, shape).astype(str))
    candidates = np.char.add("c", (generator.zipf(1.2, shape) % num_candidates).astype(str))
    data = tf.data.Dataset.from_tensor_slices(
        {
            "query": {schema_lib.QUERY_ID: queries},
            "candidate": {schema_lib.CANDIDATE_ID: candidates},
            "weight": np.ones(shape, np.float32),
        }
    )
    return data.repeat().prefetch(2)


def _ids(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]
