"""What an answer from a precomputed query embedding saves against one through the query tower."""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from benchmarks.index import corpora, exports
from pipelines import job
from serving import query_table, saved_model, served_recommender, signatures
from serving.index import brute_force, retriever
from tfrs_model import model_config, two_tower_builder

_NUM_QUERIES = 100_000
_NUM_CANDIDATES = 20_000
_HISTORY_LENGTH = 50
_ENCODERS = ("mean", "self_attention")


def measure() -> dict:
    """Returns a row for each history encoder; a precomputed answer must never take longer."""
    rows = []
    for encoder in _ENCODERS:
        with job.stage(f"Exporting towers with {encoder} over {_HISTORY_LENGTH} candidates of history"):
            ask = _export(encoder)
        times = exports.timed(
            {
                "tower": lambda requests, ask=ask: ask(**requests, use_precomputed=_all(requests, False)),
                "precomputed": lambda requests, ask=ask: ask(**requests, use_precomputed=_all(requests, True)),
            },
            _Requests(),
        )
        saved = times["tower"]["milliseconds"] - times["precomputed"]["milliseconds"]
        rows += [
            {"history_encoder": encoder, "embedding": name, **each, "saved_milliseconds": saved}
            for name, each in times.items()
        ]
    return {
        "precomputed_queries": _NUM_QUERIES,
        "rows": rows,
        "holds": all(row["saved_milliseconds"] > 0.0 for row in rows),
    }


def _export(encoder: str):
    query_ids = [f"u{row}" for row in range(_NUM_QUERIES)]
    candidate_ids = [f"c{row}" for row in range(_NUM_CANDIDATES)]
    config = model_config.ModelConfig(
        query_hidden_units=(128,), history_length=_HISTORY_LENGTH, history_encoder=encoder, dropout=0.0
    )
    inputs = model_config.ModelInputs(tuple(query_ids), tuple(candidate_ids), (), ())
    model = two_tower_builder.build_two_tower(config, inputs, seed=0)
    dim = config.embedding_dim
    index = brute_force.BruteForceIndex(candidate_ids, corpora.fitted(_NUM_CANDIDATES, dim, 1).vectors)
    table = query_table.QueryTable(query_ids, corpora.fitted(_NUM_QUERIES, dim, 1).vectors)
    k = exports.K
    served = served_recommender.ServedRecommender(
        model.query_tower, model.candidate_tower, retriever.Retriever(index), "cosine", k, 1000, table
    )
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write_saved_model(served, pathlib.Path(folder) / "1")
        return saved_model.load_saved_model(pathlib.Path(folder) / "1")[signatures.RECOMMEND]


def _all(requests: dict[str, tf.Tensor], value: bool) -> tf.Tensor:
    return tf.fill(tf.shape(requests[signatures.QUERY_ID]), value)


class _Requests:
    """Requests that are made before anybody looks at the clock."""

    def __init__(self):
        rows = np.random.default_rng(0).integers(0, _NUM_QUERIES, 1000)
        history = (rows[:, np.newaxis] + np.arange(_HISTORY_LENGTH)) % _NUM_CANDIDATES
        self._inputs = {
            signatures.QUERY_ID: tf.constant([f"u{row}" for row in rows]),
            "history": tf.constant([[f"c{each}" for each in mine] for mine in history]),
        }

    def __len__(self) -> int:
        return len(self._inputs["history"])

    def __getitem__(self, rows: slice) -> dict[str, tf.Tensor]:
        return {name: values[rows] for name, values in self._inputs.items()}
