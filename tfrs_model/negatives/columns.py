"""Candidates that rows are scored against, with what is needed to mask and to correct them."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class PoolColumns:
    """Columns of one or of several sources.

    Attributes:
      embeddings: `[num_columns, embedding_dim]` float32.
      keys: `[num_columns]` int64, equal for equal ids.
      probability: `[num_columns]` float32, of one draw, or a count in proportion; `None` without a correction.
    """

    embeddings: tf.Tensor
    keys: tf.Tensor
    probability: tf.Tensor | None

    @staticmethod
    def concat(parts: Sequence["PoolColumns"]) -> "PoolColumns":
        """Returns the columns of all parts, in order; without a probability if one part has none."""
        probability = [part.probability for part in parts]
        return PoolColumns(
            tf.concat([part.embeddings for part in parts], axis=0),
            tf.concat([part.keys for part in parts], axis=0),
            None if any(each is None for each in probability) else tf.concat(probability, axis=0),
        )
