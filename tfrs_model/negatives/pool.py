"""All columns of a step: the batch's own candidates and the negatives of every source, with their probabilities."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from tfrs_model import call_counter, frequency, id_keys, replicas
from tfrs_model.negatives import bank as bank_lib
from tfrs_model.negatives import corpus as corpus_lib
from tfrs_model.negatives import corpus_hard, uniform
from tfrs_model.negatives.columns import PoolColumns

_CANDIDATES_PER_BLOCK = 4096


class NegativePool(tf.keras.layers.Layer):
    """Adds negatives to the candidates of a batch, and says how probable each column is.

    With B candidates of the batches of all replicas, K of the bank, B' uniform and H hard
    draws, candidate j is expected this often among the B + K + B' + H columns (Yang et
    al., WWW 2020, for the first and third term):

        (B + K) q_j + B' / M + H h_j

    with q_j its share of the stream and h_j its share of the hard draws; divided by the
    number of columns that is the probability of one draw. A candidate that was never in
    the stream so has a finite correction as soon as negatives are drawn from the corpus.

    Draws are functions of (seed, step), the same on every replica. The step is counted
    here and is in checkpoints, as are the bank and the index of the hard draws.

    Args:
      corpus: what uniform and hard negatives are drawn from.
      streaming_frequency: estimates q, and counts the batch; `None` without a correction.
      is_per_draw: whether columns tell the probability of one draw rather than the expected count.
      uniform_negatives: uniform draws, or `None`.
      hard_negatives: draws of candidates that score high, or `None`.
      bank: candidates of past batches, or `None`.
    """

    def __init__(
        self,
        corpus: corpus_lib.Corpus,
        streaming_frequency: frequency.StreamingFrequency | None,
        is_per_draw: bool = False,
        uniform_negatives: uniform.UniformNegatives | None = None,
        hard_negatives: corpus_hard.CorpusHardNegatives | None = None,
        bank: bank_lib.CandidateBank | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._corpus = corpus
        self._frequency = streaming_frequency
        self._is_per_draw = is_per_draw
        self._uniform = uniform_negatives
        self._hard = hard_negatives
        self._bank = bank
        self._step = call_counter.add_call_counter(self, "step")

    def call(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        candidate_ids: tf.Tensor,
        encode: Callable[[Mapping[str, tf.Tensor], bool], tf.Tensor],
    ) -> PoolColumns:
        """Returns the columns of one training step, the batch's candidates first.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` of this replica.
          candidate_embeddings: `[num_queries, embedding_dim]`, the positives.
          candidate_ids: `[num_queries]` their ids.
          encode: the candidate tower, given its inputs and whether it trains.
        """
        step = call_counter.number_of_call(self._step)
        everyone = replicas.replicas_of(tf.shape(candidate_ids)[0])
        drawn, hard_pool = self._draw(query_embeddings, step, encode)
        parts = [self._of_batch(candidate_embeddings, candidate_ids)]
        if drawn is not None:
            parts.append(self._of_draws(drawn, encode))
        if self._bank is not None:
            parts.append(PoolColumns(*self._bank.columns()))
            self._push(everyone, parts[0])
        columns = PoolColumns.concat(parts)
        if self._frequency is None:
            return dataclasses.replace(columns, probability=None)
        expected = self._expected_count(columns, everyone.num_rows, parts, hard_pool)
        if self._is_per_draw:
            num_of_others = sum(tf.shape(part.keys)[0] for part in parts[1:])
            expected /= tf.cast(everyone.num_rows + num_of_others, tf.float32)
        return dataclasses.replace(columns, probability=expected)

    def _draw(
        self, queries: tf.Tensor, step: tf.Tensor, encode: Callable[[Mapping[str, tf.Tensor], bool], tf.Tensor]
    ) -> tuple[tf.Tensor | None, corpus_hard.CandidatePool | None]:
        """Returns the corpus rows of all draws, and the distribution of the hard ones."""
        rows, hard_pool = [], None
        if self._uniform is not None:
            rows.append(self._uniform.draw(step))
        if self._hard is not None:
            tf.cond(self._hard.needs_refresh(step), lambda: self._refresh(step, encode), lambda: None)
            hard_pool = self._hard.pool(queries)
            rows.append(hard_pool.draw(step))
        return (tf.concat(rows, axis=0) if rows else None), hard_pool

    def _refresh(self, step: tf.Tensor, encode: Callable[[Mapping[str, tf.Tensor], bool], tf.Tensor]) -> None:
        """Encodes the whole corpus, block after block, and gives it to the index of the hard draws."""
        size = self._corpus.num_candidates
        num_blocks = -(-size // _CANDIDATES_PER_BLOCK)

        def block(i: tf.Tensor, blocks: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            begin = tf.cast(i, tf.int64) * _CANDIDATES_PER_BLOCK
            rows = tf.range(begin, tf.minimum(begin + _CANDIDATES_PER_BLOCK, size))
            return i + 1, blocks.write(i, encode(self._corpus.inputs(rows), False))

        blocks = tf.TensorArray(
            tf.float32, num_blocks, infer_shape=False, element_shape=[None, self._hard.embedding_dim]
        )
        _, blocks = tf.while_loop(lambda i, _: i < num_blocks, block, [0, blocks], parallel_iterations=1)
        self._hard.refresh(tf.ensure_shape(blocks.concat(), [size, self._hard.embedding_dim]), step)

    def _of_batch(self, embeddings: tf.Tensor, ids: tf.Tensor) -> PoolColumns:
        probability = None
        if self._frequency is not None:
            self._frequency(ids, training=True)
            probability = self._frequency.sampling_probability(ids)
        return PoolColumns(embeddings, id_keys.id_keys(ids), probability)

    def _of_draws(self, rows: tf.Tensor, encode: Callable[[Mapping[str, tf.Tensor], bool], tf.Tensor]) -> PoolColumns:
        ids = self._corpus.ids_of(rows)
        probability = None if self._frequency is None else self._frequency.sampling_probability(ids)
        return PoolColumns(encode(self._corpus.inputs(rows), True), id_keys.id_keys(ids), probability)

    def _push(self, everyone: replicas.Replicas, batch: PoolColumns) -> None:
        probability = tf.zeros_like(batch.keys, tf.float32) if batch.probability is None else batch.probability
        embeddings = everyone.gather(tf.stop_gradient(tf.cast(batch.embeddings, tf.float32)))
        self._bank.push(embeddings, everyone.gather(batch.keys), everyone.gather(probability))

    def _expected_count(
        self,
        columns: PoolColumns,
        num_in_batches: tf.Tensor,
        parts: list[PoolColumns],
        hard_pool: corpus_hard.CandidatePool | None,
    ) -> tf.Tensor:
        num_of_stream = num_in_batches + (tf.shape(parts[-1].keys)[0] if self._bank is not None else 0)
        expected = tf.cast(num_of_stream, tf.float32) * columns.probability
        rows = self._corpus.rows_of_keys(columns.keys)
        if self._uniform is not None:
            expected += tf.where(rows >= 0, self._uniform.expected_count(), 0.0)
        if hard_pool is not None:
            expected += self._hard.num_negatives * hard_pool.probability(rows)
        return expected
