"""What every history encoder answers, and the checks they share."""

import tensorflow as tf


class HistoryEncoder(tf.keras.layers.Layer):
    """Turns what a query chose, oldest first, into what is known of the query after each choice.

    State n is made of the first n positions and of nothing behind them, so that a row
    of training has a state before each of its positives, and serving, which asks for
    the last state alone, gets the same answer. A position that is not present may
    stand anywhere: it changes no state and does not count as a distance. Before
    anything is present the state is the zero vector.

    Args:
      width: of the embeddings and of the states, >= 1.

    Raises:
      ValueError: if the width is below 1.
    """

    # Arguments of the constructor, besides width and seed, that this encoder reads.
    options: tuple[str, ...] = ()

    def __init__(self, width: int, **kwargs):
        super().__init__(**kwargs)
        if width < 1:
            raise ValueError(f"{self.name}: width must be >= 1, but is {width}; give the width of the embeddings.")
        self._width = width

    @property
    def width(self) -> int:
        """Width of the embeddings and of the states."""
        return self._width

    @property
    def reads_time_gaps(self) -> bool:
        """Whether `call` needs timestamps."""
        return False

    def call(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns what is known after each position.

        Args:
          embeddings: `[num_rows, length, width]` float32, oldest first; zero where nothing is present.
          present: `[num_rows, length]` bool.
          timestamps: `[num_rows, length]` int64 microseconds UTC, -1 where unknown; `None` for an encoder that
            reads no time.
          training: whether dropout draws.

        Returns:
          `[num_rows, length + 1, width]` float32; state n is made of positions 0 .. n - 1.
        """
        raise NotImplementedError(f"{type(self).__name__} has to say what its states are.")

    def last_state(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns what is known after all positions, `[num_rows, width]`: the last of the states that `call` returns.

        In training dropout draws for fewer values than there, and so draws others.
        """
        return self(embeddings, present, timestamps, training=training)[:, -1]

    def get_config(self) -> dict:
        """Returns the arguments that make an equal encoder."""
        return {**super().get_config(), "width": self._width}

    def _require_width(self, embeddings: tf.Tensor) -> None:
        """Refuses embeddings of another width, for which a matrix product would have a sentence of its own."""
        shape = tf.TensorShape(embeddings.shape)
        if shape.rank != 3 or shape[-1] != self._width:
            raise ValueError(
                f"{self.name}: embeddings must be [num_rows, length, {self._width}], but are {shape}; "
                "give the encoder the width of the embedding table."
            )


def require_num_layers(name: str, num_layers: int) -> None:
    """Refuses an encoder of layers that has none."""
    if num_layers < 1:
        raise ValueError(
            f"{name}: num_layers must be >= 1, but is {num_layers}; use the mean for an encoder without layers."
        )
