"""From prepared tables to the batches that the towers read: raw ids and features, no integer rows.

Batch number s holds positions [s * batch_size, (s + 1) * batch_size) of an endless
stream of epochs, each a permutation drawn from (seed, epoch). A position is
computed, never replayed, so a resumed run starts at any step at once. Of several
workers each holds its own rows of every batch, which together are the batch.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from pipelines import feature_arrays, history_windows, prepared_data, stream_rows
from tfrs_model import model_config
from tfrs_model import schema as schema_lib

Batch = dict[str, dict[str, tf.Tensor] | tf.Tensor]


class Feeder:
    """Gathers raw tower inputs for rows of the query table and of the corpus.

    Args:
      data: the prepared data.
      history_length: how many of the last candidate ids a query gets.
      reads_timestamps: whether it gets their moments too.
      reads_moment: whether it gets the moment at which it asks.
    """

    def __init__(
        self,
        data: prepared_data.PreparedData,
        history_length: int,
        reads_timestamps: bool = False,
        reads_moment: bool = False,
    ):
        self._history_length = history_length
        self._reads_timestamps = reads_timestamps
        self._reads_moment = reads_moment
        self._num_candidates = data.corpus.num_rows
        self._context_features = data.schema.context_features
        self._queries = _columns(data.queries, schema_lib.QUERY_ID, data.schema.query_features)
        self._candidates = _columns(data.corpus, schema_lib.CANDIDATE_ID, data.schema.candidate_features)
        # The last entry is what row -1 gathers: the empty string that fills short histories.
        self._history_ids = tf.concat([_strings(data.corpus[schema_lib.CANDIDATE_ID]), [""]], axis=0)

    @classmethod
    def for_model(cls, data: prepared_data.PreparedData, config: model_config.ModelConfig) -> "Feeder":
        """Returns a feeder of what a model with these options reads."""
        return cls(data, config.history_length, config.reads_history_timestamps, config.reads_moment)

    def training_batches(
        self,
        examples: prepared_data.Examples,
        batch_size: int,
        seed: int,
        first_step: int,
        last_step: int,
        num_workers: int = 1,
        worker: int = 0,
    ) -> tf.data.Dataset:
        """Returns batches `first_step` to `last_step - 1`, shuffled over all examples, or a worker's rows of each.

        The rows of workers 0, 1, ... put after one another are the batch that a single worker gets, but for what
        fills short lists: each worker's lists are as wide as the longest of its own.

        Args:
          examples: what is shuffled.
          batch_size: rows of a batch of all workers together, >= `num_workers`.
          seed: of the shuffle.
          first_step: number of the first batch, counted from the start of training.
          last_step: number after the last batch.
          num_workers: among how many each batch is shared out; sizes differ by one row at most.
          worker: whose rows, in [0, `num_workers`).

        Raises:
          ValueError: if there is no such worker, or a worker would get no rows.
        """
        share = stream_rows.share(batch_size, num_workers, worker)
        columns = self._example_columns(examples)

        def batch(step: tf.Tensor) -> Batch:
            rows, epochs = stream_rows.shuffled(step, batch_size, share, len(examples), seed)
            return self._batch(columns, rows, self._last_of_history(columns, rows, epochs, seed))

        return _mapped(batch, first_step, last_step)

    def window_batches(
        self,
        examples: prepared_data.Examples,
        windows: history_windows.HistoryWindows,
        windows_per_batch: int,
        seed: int,
        first_step: int,
        last_step: int,
        num_workers: int = 1,
        worker: int = 0,
    ) -> tf.data.Dataset:
        """Returns batches whose rows are all the examples of some windows, shuffled over all windows.

        Row by row a batch is one of `training_batches`, but for the history: `history` holds the windows,
        `history_row` the window of each row and `history_end` how many of its candidates the row sees, and
        `group` numbers the windows, `[batch_size]` int64.

        Args:
          examples: what the windows were cut from.
          windows: what is shuffled.
          windows_per_batch: windows of a batch of all workers together, >= `num_workers`.
          seed: of the shuffle.
          first_step: number of the first batch, counted from the start of training.
          last_step: number after the last batch.
          num_workers: among how many each batch is shared out.
          worker: whose windows, in [0, `num_workers`).

        Raises:
          ValueError: if there is no such worker, or a worker would get no windows.
        """
        share = stream_rows.share(windows_per_batch, num_workers, worker)
        columns = self._example_columns(examples)
        bounds = {
            name: _held_once(getattr(windows, name).astype(np.int64))
            for name in ("example_begin", "example_end", "item_begin", "item_end")
        }

        def batch(step: tf.Tensor) -> Batch:
            chosen, _ = stream_rows.shuffled(step, windows_per_batch, share, len(windows), seed)
            begin, end, first, last = (tf.gather(bounds[name], chosen) for name in bounds)
            rows = tf.ragged.range(begin, end)
            owners = rows.value_rowids()
            sees = tf.cast(tf.gather(columns["history_end"], rows.flat_values), tf.int64) - tf.gather(first, owners)
            positions = first[:, tf.newaxis] + tf.range(tf.reduce_max(last - first))
            history = self._history_inputs(columns, positions, positions < last[:, tf.newaxis])
            history |= {schema_lib.HISTORY_ROW: owners, schema_lib.HISTORY_END: sees}
            return {**self._batch(columns, rows.flat_values, history), "group": tf.gather(chosen, owners)}

        return _mapped(batch, first_step, last_step)

    def query_batches(self, examples: prepared_data.Examples, batch_size: int) -> tf.data.Dataset:
        """Returns the query inputs of every example in order; the last batch may be short."""
        columns = self._example_columns(examples)
        rows = tf.data.Dataset.range(len(examples)).batch(batch_size)

        def batch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
            history = self._last_of_history(columns, rows, tf.zeros_like(rows), seed=0)
            return {**self._query_inputs(columns, rows), **history}

        return rows.map(batch).prefetch(tf.data.AUTOTUNE)

    def candidate_batches(self, batch_size: int) -> tf.data.Dataset:
        """Returns the candidate inputs of the whole corpus in order; the last batch may be short."""
        rows = tf.data.Dataset.range(self._num_candidates).batch(batch_size)
        return rows.map(self.candidate_inputs).prefetch(tf.data.AUTOTUNE)

    def _example_columns(self, examples: prepared_data.Examples) -> dict[str, Any]:
        return {
            "query_rows": _held_once(examples.query_rows),
            "candidate_rows": _held_once(examples.candidate_rows),
            "weights": _held_once(examples.weights),
            "history_begin": _held_once(examples.history_begin),
            "history_end": _held_once(examples.history_end),
            "sequence": _held_once(examples.sequence),
            **({} if examples.own_position is None else {"own_position": _held_once(examples.own_position)}),
            **({"timestamps": _held_once(examples.timestamps)} if self._reads_moment else {}),
            **({"sequence_timestamps": _held_once(examples.sequence_timestamps)} if self._reads_timestamps else {}),
            "context": feature_arrays.read_features(examples.context, self._context_features),
        }

    def _batch(self, columns: dict[str, Any], rows: tf.Tensor, history: dict[str, tf.Tensor]) -> Batch:
        return {
            "query": {**self._query_inputs(columns, rows), **history},
            "candidate": self.candidate_inputs(tf.gather(columns["candidate_rows"], rows)),
            "weight": tf.gather(columns["weights"], rows),
        }

    def _query_inputs(self, columns: dict[str, Any], rows: tf.Tensor) -> dict[str, tf.Tensor]:
        query_rows = tf.gather(columns["query_rows"], rows)
        inputs = {name: column.gather(query_rows) for name, column in self._queries.items()}
        if self._reads_moment:
            inputs[schema_lib.MOMENT] = tf.gather(columns["timestamps"], rows)
        return inputs | {name: column.gather(rows) for name, column in columns["context"].items()}

    def _last_of_history(
        self, columns: dict[str, Any], rows: tf.Tensor, epochs: tf.Tensor, seed: int
    ) -> dict[str, tf.Tensor]:
        begin = tf.gather(columns["history_begin"], rows)[:, tf.newaxis]
        end = tf.gather(columns["history_end"], rows)[:, tf.newaxis]
        steps = tf.range(self._history_length, dtype=end.dtype)
        if "own_position" in columns:
            own = tf.gather(columns["own_position"], rows)[:, tf.newaxis]
            # A held-out row stands behind its history, a row of training in it.
            num_others = tf.where(own < end, end - begin - 1, end - begin)
            first = stream_rows.drawn_below(tf.maximum(num_others, 1), own, epochs[:, tf.newaxis], seed)
            positions = begin + (own - begin + 1 + (first + steps) % tf.maximum(num_others, 1)) % (num_others + 1)
            return self._history_inputs(columns, positions, steps < num_others)
        positions = end - self._history_length + steps
        return self._history_inputs(columns, positions, positions >= begin)

    def _history_inputs(
        self, columns: dict[str, Any], positions: tf.Tensor, is_shown: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns what the query tower reads of positions `[num_rows, length]` of the sequences."""
        limit = tf.maximum(tf.shape(columns["sequence"], out_type=positions.dtype)[0] - 1, 0)
        positions = tf.clip_by_value(positions, 0, limit)
        history = tf.gather(columns["sequence"], positions)
        padding_row = tf.shape(self._history_ids, out_type=history.dtype)[0] - 1
        inputs = {schema_lib.HISTORY: tf.gather(self._history_ids, tf.where(is_shown, history, padding_row))}
        if self._reads_timestamps:
            moments = tf.gather(columns["sequence_timestamps"], positions)
            inputs[schema_lib.HISTORY_TIMESTAMPS] = tf.where(is_shown, moments, schema_lib.MISSING_MOMENT)
        return inputs

    def candidate_inputs(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the candidate tower reads of `[n]` corpus rows."""
        return {name: column.gather(rows) for name, column in self._candidates.items()}


def _mapped(batch: Callable[[tf.Tensor], Batch], first_step: int, last_step: int) -> tf.data.Dataset:
    steps = tf.data.Dataset.range(first_step, last_step)
    return steps.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def seconds_per_batch(batches: tf.data.Dataset, num_batches: int = 10) -> float:
    """Returns the seconds that the pipeline alone takes for a batch: the median of a few, after a first one."""
    seconds, started = [], None
    for _ in batches.take(1 + num_batches):
        now = time.perf_counter()
        if started is not None:
            seconds.append(now - started)
        started = now
    return float(np.median(seconds)) if seconds else 0.0


def _held_once(values: np.ndarray) -> tf.Tensor:
    """Returns an array as a tensor; the one that `tf.constant` makes keeps two copies of it for as long as it lives."""
    return tf.identity(tf.constant(values))


def _columns(
    table: pa.Table, id_name: str, features: tuple[schema_lib.Feature, ...]
) -> dict[str, feature_arrays.FeatureArray]:
    """Returns the ids and the features of every row of a table."""
    ids = feature_arrays.Scalars(_strings(table[id_name]))
    return {id_name: ids, **feature_arrays.read_features(table, features)}


def _strings(values: pa.Array | pa.ChunkedArray) -> tf.Tensor:
    return tf.constant(values.to_pylist(), tf.string, shape=[len(values)])


def as_json(inputs: dict[str, tf.Tensor]) -> dict[str, list]:
    """Returns tower inputs as nested lists of text and numbers, as a REST request takes them."""
    arrays = {name: values.numpy() for name, values in inputs.items()}
    return {
        name: (np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array).tolist()
        for name, array in arrays.items()
    }
