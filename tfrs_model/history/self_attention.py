"""A causal transformer over what was chosen."""

import tensorflow as tf

from tfrs_model import dropout as dropout_lib
from tfrs_model.history import attention_block, encoder, packing, relative_bias


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class SelfAttention(encoder.HistoryEncoder):
    """Reads, at each choice, those before it and itself, by learned relevance, distance and time between.

        x = dropout(sqrt(width) e), then num_layers blocks (`attention_block`)
        state = gain * x / |x|

    As SASRec (Kang and McAuley, ICDM 2018), with the blocks of present language models. There are no
    absolute positions: heads have a bias by distance, and by the time between two choices, as `relative_bias`
    tells, shared by the layers as in T5. Embeddings of length 1 start as long as what the blocks add to
    them, and a state starts with length 1 again, as a row of an embedding table does.

    Args:
      width: of the embeddings and of the states, >= 1.
      num_layers: blocks, >= 1.
      num_heads: of each block, a divisor of the width.
      dropout: rate on the inputs and on what each branch of a block adds, in [0, 1).
      reads_time_gaps: whether timestamps are read.
      seed: of the first weights and of dropout.

    Raises:
      ValueError: if an argument is out of its range.
    """

    options = ("num_layers", "num_heads", "dropout", "reads_time_gaps")

    def __init__(
        self,
        width: int,
        num_layers: int = 2,
        num_heads: int = 2,
        dropout: float = 0.0,
        reads_time_gaps: bool = False,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(width, **kwargs)
        encoder.require_num_layers(self.name, num_layers)
        if num_heads < 1 or width % num_heads:
            raise ValueError(
                f"{self.name}: num_heads must divide width, but they are {num_heads} and {width}; every head reads "
                "an equal part of the width."
            )
        self._num_heads = num_heads
        self._dropout_rate = dropout
        self._reads_time_gaps = reads_time_gaps
        self._seed = seed
        self._position_bias = self._bias_table("position_bias", relative_bias.NUM_POSITION_BUCKETS)
        self._time_gap_bias = (
            self._bias_table("time_gap_bias", relative_bias.NUM_TIME_GAP_BUCKETS) if reads_time_gaps else None
        )
        self._input_dropout = dropout_lib.StatelessDropout(dropout, seed, name=f"{self.name}_input_dropout")
        self._blocks = [
            attention_block.AttentionBlock(width, num_heads, num_layers, dropout, seed, name=f"{self.name}_block_{i}")
            for i in range(num_layers)
        ]
        self._gain = self.add_weight(name=f"{self.name}/state_gain", shape=(width,), initializer="ones")

    def _bias_table(self, name: str, num_buckets: int) -> tf.Variable:
        return self.add_weight(name=f"{self.name}/{name}", shape=(self._num_heads, num_buckets), initializer="zeros")

    @property
    def reads_time_gaps(self) -> bool:
        """Whether `call` needs timestamps."""
        return self._reads_time_gaps

    def call(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, length + 1, width]` float32, the states after each position.

        Args:
          embeddings: `[num_rows, length, width]` float32, oldest first; zero where nothing is present.
          present: `[num_rows, length]` bool.
          timestamps: `[num_rows, length]` int64 microseconds UTC, -1 where unknown; only read if told to.
          training: whether dropout draws.

        Raises:
          ValueError: if time gaps are read, but there are no timestamps.
        """
        packed = self._pack(embeddings, present, timestamps)
        bias = self._bias(packed, self._all_positions(packed), packed.timestamps)
        vectors = self._inputs(packed, training)
        for block in self._blocks:
            vectors = block(vectors, bias, training=training)
        return packed.states(self._outputs(vectors))

    def last_state(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, width]` float32, the state after all positions; the last block reads for it alone."""
        packed = self._pack(embeddings, present, timestamps)
        vectors = self._inputs(packed, training)
        if len(self._blocks) > 1:
            bias = self._bias(packed, self._all_positions(packed), packed.timestamps)
        for block in self._blocks[:-1]:
            vectors = block(vectors, bias, training=training)
        # An empty row has no last position: it reads zeros as if at the first, and answers zero in the end.
        positions = tf.maximum(packed.last_positions, 0)[:, tf.newaxis]
        times = _at(packed.timestamps, positions) if self._reads_time_gaps else None
        queries = _at(vectors, positions)
        outputs = self._blocks[-1](vectors, self._bias(packed, positions, times), queries, training=training)
        is_empty = tf.equal(packed.last_positions, -1)[:, tf.newaxis]
        return tf.where(is_empty, 0.0, self._outputs(outputs)[:, 0])

    def _pack(self, embeddings: tf.Tensor, present: tf.Tensor, timestamps: tf.Tensor | None) -> packing.PackedHistory:
        self._require_width(embeddings)
        if self._reads_time_gaps and timestamps is None:
            raise ValueError(
                f"{self.name}: an encoder with reads_time_gaps needs timestamps, but they are None; give -1 for those "
                "that are not known, or build it with reads_time_gaps=False."
            )
        return packing.pack(embeddings, present, timestamps if self._reads_time_gaps else None)

    def _all_positions(self, packed: packing.PackedHistory) -> tf.Tensor:
        return tf.range(tf.shape(packed.embeddings)[1])[tf.newaxis]

    def _bias(
        self, packed: packing.PackedHistory, query_positions: tf.Tensor, query_times: tf.Tensor | None
    ) -> tf.Tensor:
        length = tf.shape(packed.embeddings)[1]
        bias = relative_bias.position_bias(self._position_bias, query_positions, length)
        if self._reads_time_gaps:
            bias += relative_bias.time_gap_bias(self._time_gap_bias, query_times, packed.timestamps)
        return bias

    def _inputs(self, packed: packing.PackedHistory, training: bool | None) -> tf.Tensor:
        return self._input_dropout(self._width**0.5 * packed.embeddings, training=training)

    def _outputs(self, vectors: tf.Tensor) -> tf.Tensor:
        return attention_block.rms_norm(vectors, self._width**-0.5 * self._gain)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal encoder."""
        return {
            **super().get_config(),
            "num_layers": len(self._blocks),
            "num_heads": self._num_heads,
            "dropout": self._dropout_rate,
            "reads_time_gaps": self._reads_time_gaps,
            "seed": self._seed,
        }


def _at(values: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Returns `values[row, positions[row]]`; a batch of rows that are all empty has nothing there, and gets zero."""
    padded = tf.pad(values, [[0, 0], [0, 1]] + [[0, 0]] * (values.shape.rank - 2))
    return tf.gather(padded, positions, axis=1, batch_dims=1)
