"""Histories without their gaps: what is present moves to the front, and states move back to where they belong."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class PackedHistory:
    """What is present of each row, side by side from the front.

    Behind it stand zeros, which nothing before them may read. So an encoder that
    looks back only needs no mask: what it answers there is asked for by no one.

    Attributes:
      embeddings: `[num_rows, packed_length, width]` float32; the longest row fills `packed_length`.
      timestamps: `[num_rows, packed_length]` int64, of no meaning behind what is present; `None` if there are none.
      num_present: `[num_rows, length + 1]` int32, how many of the first n positions are present.
    """

    embeddings: tf.Tensor
    timestamps: tf.Tensor | None
    num_present: tf.Tensor

    @property
    def last_positions(self) -> tf.Tensor:
        """`[num_rows]` int32, the packed position of the last that is present; -1 in an empty row."""
        return self.num_present[:, -1] - 1

    def states(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns `[num_rows, length + 1, width]`: after n positions, the output at the last present one of them.

        Args:
          outputs: `[num_rows, packed_length, width]` float32.
        """
        return tf.gather(_behind_zeros(outputs), self.num_present, axis=1, batch_dims=1)

    def last_state(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns `[num_rows, width]`: the output at the last present position, zero in an empty row."""
        return tf.gather(_behind_zeros(outputs), self.num_present[:, -1], axis=1, batch_dims=1)


def pack(embeddings: tf.Tensor, present: tf.Tensor, timestamps: tf.Tensor | None = None) -> PackedHistory:
    """Packs histories: `[a, -, b, -]` becomes `[a, b]`, with 0, 1, 1, 2 and 2 present after 0 to 4 positions.

    Args:
      embeddings: `[num_rows, length, width]` float32, zero where nothing is present.
      present: `[num_rows, length]` bool.
      timestamps: `[num_rows, length]` int64, or `None`.
    """
    num_present = count_present(present)
    # A row shorter than the longest is filled from its absent positions, which are zero.
    packed_length = tf.reduce_max(tf.concat([num_present[:, -1], [0]], axis=0))
    order = tf.argsort(tf.cast(present, tf.int32), axis=1, direction="DESCENDING", stable=True)[:, :packed_length]
    return PackedHistory(
        embeddings=tf.gather(embeddings, order, axis=1, batch_dims=1),
        timestamps=None if timestamps is None else tf.gather(timestamps, order, axis=1, batch_dims=1),
        num_present=num_present,
    )


def count_present(present: tf.Tensor) -> tf.Tensor:
    """Returns `[num_rows, length + 1]` int32: how many of the first n positions are present."""
    return tf.cumsum(tf.pad(tf.cast(present, tf.int32), [[0, 0], [1, 0]]), axis=1)


def _behind_zeros(outputs: tf.Tensor) -> tf.Tensor:
    return tf.pad(outputs, [[0, 0], [1, 0], [0, 0]])
