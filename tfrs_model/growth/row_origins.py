"""Where each row of a table with a grown vocabulary comes from."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfrs_model import embedding_table, string_embedding

NEW_ROWS = ("initial", "unknown")
_NONE = -1


@dataclasses.dataclass(frozen=True)
class RowOrigins:
    """The old row of each row of a table.

    Attributes:
      old_rows: `[num_rows]` int64; -1 for the row of a value that had none.
      new_values: the values without an old row, in the order of their rows.
    """

    old_rows: np.ndarray
    new_values: tuple[str, ...]

    @classmethod
    def between(cls, old: string_embedding.StringEmbedding, new: string_embedding.StringEmbedding) -> "RowOrigins":
        """Finds the rows by their values; those of the empty string and of unknown values are the first of both.

        Raises:
          ValueError: if the tables differ in more than their vocabularies.
        """
        for name in ("name", "embedding_dim", "num_oov_buckets"):
            if getattr(old, name) != getattr(new, name):
                raise ValueError(
                    f"Table {new.name!r} can take over the rows of one that differs in its vocabulary alone, but "
                    f"{name} was {getattr(old, name)!r} and is {getattr(new, name)!r}."
                )
        shared = 1 + new.num_oov_buckets
        old_row_of = {value: shared + i for i, value in enumerate(old.vocabulary)}
        old_rows = [*range(shared), *(old_row_of.get(value, _NONE) for value in new.vocabulary)]
        new_values = tuple(value for value in new.vocabulary if value not in old_row_of)
        return cls(np.array(old_rows, np.int64), new_values)

    def carried(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Returns `new` with the rows of `old` where they belong, bit for bit.

        Args:
          old: `[num_old_rows, ...]` of a table or of one of its slots.
          new: `[num_rows, ...]` what the rows of new values start from; the others are written over.
        """
        is_old = self.old_rows != _NONE
        new[is_old] = old[self.old_rows[is_old]]
        return new

    def start_rows(self, layer: string_embedding.StringEmbedding, old: np.ndarray, new_rows: str) -> np.ndarray:
        """Returns `[num_new_values, embedding_dim]` float32, what the rows of new values start from.

        `initial` draws them by (seed, table, value), so that no row depends on the day or on the order in which values
        come. `unknown` starts a value where it was while it was unknown: at the row of its hash bucket. That is where
        the model already has it if id dropout has trained these rows; without, no gradient ever reached them, and all
        values of a bucket would start as one.

        Args:
          layer: the grown table.
          old: `[num_old_rows, embedding_dim]` the rows before.
          new_rows: one of `NEW_ROWS`.
        """
        if new_rows == "unknown":
            if not self.new_values:
                return np.zeros((0, layer.embedding_dim), np.float32)
            return old[layer.rows_of_unknown(tf.constant(self.new_values)).numpy()]
        return embedding_table.initial_rows(self.new_values, layer.embedding_dim, layer.seed, layer.name)
