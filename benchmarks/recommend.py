"""Bulk recommendations of `pipelines.recommend` beside the bare search of the same index, in the same run.

    python -m benchmarks.recommend

1,000,000 queries over 200,000 candidates of 64 dimensions, the best 100. A query is raw: an id and a history of 20
candidates, whose mean is its embedding, and it excludes its history. The index is ScaNN's, tuned to a recall of .95 as
an export's is. The bare search gets the embeddings ready and asks the index itself, batch after batch, for the rows of
100 candidates and nothing else. The job reads the queries from Parquet and writes Parquet. Turns of 200,000 queries
alternate, and the ratio is that of the medians of turns; seconds are those of the wall, and of all processors beside
them. The peak of memory is that of a process that does nothing but the job over all queries, killed once in the middle
of a shard and started again; then all answers are checked: every query once, in order, none with an id of its history.
Limits: 1.5 times the bare search, 4 GB.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
from absl import app, flags

from benchmarks import own_process
from benchmarks.index import corpora, exports
from pipelines import job, recommend
from serving import manifest, saved_model, served_recommender
from serving.index import candidate_index, factory, retriever, tuning

_NUM_QUERIES = flags.DEFINE_integer("recommend_queries", 1_000_000, "Queries.", lower_bound=50)
_NUM_CANDIDATES = flags.DEFINE_integer("recommend_candidates", 200_000, "Candidates.", lower_bound=1000)
_FOLDER = flags.DEFINE_string("recommend_folder", "", "Only run the job in this folder, for the peak of memory.")

_DIM = 64
_K = 100
_HISTORY_LENGTH = 20
_BATCH_SIZE = 2048
_NUM_TURNS = 5
_NUM_TUNING = 1000
_TARGET = 0.95
# Of a query's history, neighbours of one candidate in a list by likeness, so that it is one taste.
_NUM_NEIGHBOURS = 200
_MOST_OF_BARE, _MAX_BYTES = 1.5, 4_000_000_000


class MeanOfHistory(tf.keras.layers.Layer):
    """A query tower: the direction of the mean of its history's vectors.

    Args:
      candidate_ids: of the vectors.
      vectors: `[num_candidates, embedding_dim]`.
    """

    def __init__(self, candidate_ids: list[str], vectors: np.ndarray):
        super().__init__(name="mean_of_history")
        self.embedding_dim = vectors.shape[1]
        # As the towers of a model look ids up: row 0 is the empty text, row 1 whatever is not known.
        self._lookup = tf.keras.layers.StringLookup(vocabulary=candidate_ids, num_oov_indices=1, mask_token="")
        self._vectors = tf.Variable(np.pad(vectors, [[2, 0], [0, 0]]), trainable=False)

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """An id, which says nothing, and candidate ids."""
        return {
            "query_id": tf.TensorSpec([None], tf.string, name="query_id"),
            "history": tf.TensorSpec([None, None], tf.string, name="history"),
        }

    def call(self, inputs: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Returns `[num_queries, embedding_dim]`."""
        vectors = tf.gather(self._vectors, self._lookup(inputs["history"]))
        return tf.math.l2_normalize(tf.reduce_sum(vectors, axis=1), axis=1)


def _histories(corpus: corpora.Corpus, num_queries: int) -> np.ndarray:
    """Returns `[num_queries, 20]` distinct candidates each, all near one: those who choose like a kind."""
    generator = np.random.default_rng(1)
    like = corpus.vectors @ generator.standard_normal([_DIM, 8], np.float32)
    # Candidates of the same signs come together, and within them those that are alike along one direction.
    order = np.lexsort((like[:, 0], *(like[:, column] > 0 for column in range(1, 8))))
    places = generator.integers(len(order) - _NUM_NEIGHBOURS, size=[num_queries, 1])
    steps = np.argsort(generator.random([num_queries, _HISTORY_LENGTH * 2], np.float32), axis=1)[:, :_HISTORY_LENGTH]
    return order[places + steps * (_NUM_NEIGHBOURS // (2 * _HISTORY_LENGTH))]


def _embeddings(vectors: np.ndarray, histories: np.ndarray) -> np.ndarray:
    sums = sum(vectors[histories[:, column]] for column in range(histories.shape[1]))
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def _write_queries(path: pathlib.Path, ids: pa.Array, histories: np.ndarray, first: int) -> None:
    splits = pa.array(np.arange(0, histories.size + 1, histories.shape[1], dtype=np.int32))
    history = pa.ListArray.from_arrays(splits, ids.take(pa.array(histories.ravel())))
    names = pc.cast(pa.array(np.arange(first, first + len(histories))), pa.string())
    pq.write_table(pa.table({"query_id": names, "history": history}), path)


def _export(folder: pathlib.Path, corpus: corpora.Corpus, ids: list[str], queries: np.ndarray):
    """Builds and tunes the index, writes the export; returns the index."""
    index = factory.build_index("scann", ids, corpus.vectors, _K, _TARGET)
    exact = lambda asked, k: corpora.best_rows(corpus.vectors, asked, k)  # noqa: E731
    tuning.tune(index, queries[1::2], _K, exact, _TARGET)
    recall = tuning.index_recall(index, queries[::2], exact(queries[::2], _K))
    query_tower, candidate_tower = MeanOfHistory(ids, corpus.vectors), exports.Passing(_DIM, "candidate")
    served = served_recommender.ServedRecommender(
        query_tower, candidate_tower, retriever.Retriever(index), "cosine", _K, 10 * _K
    )
    saved_model.write_saved_model(served, folder / "1")
    manifest.write_manifest(folder / "1", {"index": index.name, "k": _K, "max_k": 10 * _K})
    return index, recall


def _bare(index: candidate_index.CandidateIndex, vectors: np.ndarray, histories: np.ndarray) -> Callable:
    search = tf.function(index.search_rows, input_signature=[tf.TensorSpec([None, _DIM]), tf.TensorSpec([], tf.int32)])
    k = tf.constant(_K)

    def search_all(begin: int, end: int) -> tuple[float, float]:
        embeddings = _embeddings(vectors, histories[begin:end])
        clock = _Clock()
        for first in range(0, len(embeddings), _BATCH_SIZE):
            rows, scores = search(tf.constant(embeddings[first : first + _BATCH_SIZE]), k)
            rows.numpy(), scores.numpy()
        return clock.read()

    return search_all


class _Clock:
    """Seconds of the wall and of all processors of this process."""

    def __init__(self):
        self._started = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Returns both since the beginning."""
        return time.perf_counter() - self._started[0], time.process_time() - self._started[1]


def _job(folder: pathlib.Path, answers: str, query_files: str, num_shards: int | None = None):
    return recommend.RecommendConfig(
        str(folder / "1"), str(folder / answers), query_files=query_files, num_shards=num_shards, batch_size=_BATCH_SIZE
    )


def run(num_queries: int, num_candidates: int) -> dict:
    """Returns the figures, and whether the limits hold."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        corpus = corpora.fitted(num_candidates, _DIM, num_queries=2)
        ids = [f"candidate-{row}" for row in range(num_candidates)]
        histories = _histories(corpus, num_queries)
        with job.stage("Building, tuning and exporting the index"):
            few = _embeddings(corpus.vectors, histories[:: max(1, num_queries // _NUM_TUNING)])
            index, recall = _export(folder, corpus, ids, few)
        names, size = pa.array(ids), -(-num_queries // _NUM_TURNS)
        for turn, first in enumerate(range(0, num_queries, size)):
            _write_queries(folder / f"queries-{turn}.parquet", names, histories[first : first + size], first)
        figures = _in_turns(folder, _bare(index, corpus.vectors, histories), num_queries, size)
        with job.stage("Running the job over all queries in a process of its own, killed once"):
            figures |= _killed_and_resumed(folder, num_queries)
        with job.stage("Checking the answers"):
            wrong = sum(_wrong_queries(folder / "all", ids, histories))
    holds = figures["wall_over_bare"] <= _MOST_OF_BARE and figures["peak_bytes"] < _MAX_BYTES and not wrong
    return {
        "benchmark": "recommend",
        "queries": num_queries,
        "candidates": num_candidates,
        "k": _K,
        f"index_recall_at_{_K}": recall,
        **figures,
        "wrong_queries": wrong,
        "holds": holds,
    }


def _in_turns(folder: pathlib.Path, bare: Callable, num_queries: int, size: int) -> dict:
    """Returns seconds of the turns of both, each being asked once before."""
    seconds: dict[str, list[tuple[float, float]]] = {"bare": [], "job": []}
    bare(0, min(size, 4 * _BATCH_SIZE))
    for turn, first in enumerate(range(0, num_queries, size)):
        with job.stage(f"Turn {turn}"):
            seconds["bare"].append(bare(first, min(first + size, num_queries)))
            # The whole job, first batch included, but for the load of the export.
            clock = _AnsweringClock()
            with clock:
                recommend.run(_job(folder, f"turn-{turn}", str(folder / f"queries-{turn}.parquet")))
            seconds["job"].append(clock.seconds)
    wall, cpu = ({name: [pair[at] for pair in pairs] for name, pairs in seconds.items()} for at in (0, 1))
    medians = {name: statistics.median(values) for name, values in wall.items()}
    return {
        "seconds_of_turns": wall,
        "processor_seconds_of_turns": cpu,
        "wall_over_bare": medians["job"] / medians["bare"],
        "processor_over_bare": statistics.median(cpu["job"]) / statistics.median(cpu["bare"]),
        "queries_per_second": size / medians["job"],
    }


class _AnsweringClock:
    """Measures the stage of the job that reads, answers and writes."""

    def __enter__(self) -> None:
        self._write_shards = recommend._write_shards

        def measured(*arguments: object) -> list:
            clock = _Clock()
            written = self._write_shards(*arguments)
            self.seconds = clock.read()
            return written

        recommend._write_shards = measured

    def __exit__(self, *error: object) -> None:
        recommend._write_shards = self._write_shards


def _killed_and_resumed(folder: pathlib.Path, num_queries: int) -> dict:
    """Returns the peak of the job over all queries, which was killed before when some of its shards were there."""
    command = [sys.executable, "-m", "benchmarks.recommend", f"--recommend_folder={folder}"]
    first = subprocess.Popen(command, cwd=pathlib.Path(__file__).parents[1], stdout=subprocess.DEVNULL)
    while first.poll() is None and not _is_in_the_middle(folder / "all"):
        time.sleep(0.02)
    first.kill()
    first.wait()
    resumed = own_process.measure("benchmarks.recommend", f"--recommend_folder={folder}")
    return {
        "peak_bytes": resumed["peak_bytes"],
        "job_seconds": resumed["seconds"],
        "shards_kept": resumed["shards_kept"],
        "shards_written": resumed["shards_written"],
        "short": resumed["short"],
    }


def _is_in_the_middle(answers_dir: pathlib.Path) -> bool:
    parts = [path.stat().st_size for path in answers_dir.glob(".shard-00002*.part")] if answers_dir.exists() else []
    return bool(parts) and parts[0] > 0


def only_job(folder: pathlib.Path) -> dict:
    """Returns what the job says, and its peak of memory."""
    said = recommend.run(_job(folder, "all", str(folder / "queries-*.parquet"), num_shards=10))
    return {**said, "peak_bytes": own_process.peak_bytes()}


def _wrong_queries(answers_dir: pathlib.Path, ids: list[str], histories: np.ndarray) -> Iterator[int]:
    """Yields how many queries of each shard are out of order, short, or answered with what they exclude or twice."""
    known, first = pa.array(ids), 0
    for path in sorted(answers_dir.glob("shard-*.parquet")):
        table = pq.read_table(path)
        mine = histories[first : first + len(table)]
        expected = pc.cast(pa.array(np.arange(first, first + len(table))), pa.string())
        is_wrong = ~pc.equal(table["query_id"], expected).to_numpy()
        rows = pc.fill_null(pc.index_in(pc.list_flatten(table["candidate_ids"]), known), -1).to_numpy()
        lengths = pc.list_value_length(table["candidate_ids"]).to_numpy()
        is_wrong |= lengths != _K
        if (lengths == _K).all():
            rows = rows.reshape(-1, _K)
            is_wrong |= (rows < 0).any(axis=1) | (np.diff(np.sort(rows, axis=1), axis=1) == 0).any(axis=1)
            for column in range(mine.shape[1]):
                is_wrong |= (rows == mine[:, column, np.newaxis]).any(axis=1)
        first += len(table)
        yield int(is_wrong.sum())
    yield len(histories) - first


def main(argv: list[str]) -> None:
    """Prints one JSON line."""

    def measure() -> dict:
        return (
            only_job(pathlib.Path(_FOLDER.value)) if _FOLDER.value else run(_NUM_QUERIES.value, _NUM_CANDIDATES.value)
        )

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    job.run_main(lambda: print(json.dumps(measure())), argv)


if __name__ == "__main__":
    app.run(main)
