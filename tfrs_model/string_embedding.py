"""From raw strings to rows of an embedding table; the vocabulary lives inside the layer."""

from collections.abc import Sequence

import tensorflow as tf

from tfrs_model import embedding_table


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class StringEmbedding(tf.keras.layers.Layer):
    """Embeds strings: known ones by row, unknown ones by hash bucket, the empty string as zero.

    Args:
      vocabulary: known values, without the empty string and without repeats.
      embedding_dim: width of a row.
      num_oov_buckets: rows shared by values outside the vocabulary, by their hash; >= 1.
      seed: of the initial rows, normal with standard deviation `1 / sqrt(embedding_dim)`,
        so that a row has length about 1 whatever its width.

    Raises:
      ValueError: on a non-positive size, a value that is no text, an empty or a repeated one.
    """

    def __init__(
        self, vocabulary: Sequence[str], embedding_dim: int, num_oov_buckets: int = 1, seed: int = 0, **kwargs
    ):
        super().__init__(**kwargs)
        if embedding_dim < 1 or num_oov_buckets < 1:
            raise ValueError(
                f"{self.name}: embedding_dim and num_oov_buckets must be >= 1, "
                f"but are {embedding_dim} and {num_oov_buckets}."
            )
        self._vocabulary = list(vocabulary)
        if wrong := [value for value in self._vocabulary if not isinstance(value, str)][:1]:
            raise ValueError(
                f"{self.name}: vocabulary values must be text, but {wrong[0]!r} is not; decode or format it."
            )
        if "" in self._vocabulary or len(set(self._vocabulary)) < len(self._vocabulary):
            raise ValueError(
                f"{self.name}: vocabulary values must be non-empty and unique; remove empties and repeats."
            )
        self._embedding_dim = embedding_dim
        self._num_oov_buckets = num_oov_buckets
        self._seed = seed
        # Row 0 stands for the empty string and is masked; unknown values take the next rows.
        # Keras takes an empty vocabulary for one that is still to be learned, so that case only hashes.
        self._lookup = (
            tf.keras.layers.StringLookup(
                vocabulary=self._vocabulary, num_oov_indices=num_oov_buckets, mask_token="", name="lookup"
            )
            if self._vocabulary
            else tf.keras.layers.Hashing(1 + num_oov_buckets, mask_value="", name="lookup")
        )
        num_rows = 1 + num_oov_buckets + len(self._vocabulary)
        self._table = embedding_table.embedding_table(num_rows, embedding_dim, seed, self.name)

    @property
    def embedding_dim(self) -> int:
        """Width of a row."""
        return self._embedding_dim

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Known values; value i has row `1 + num_oov_buckets + i`."""
        return tuple(self._vocabulary)

    @property
    def num_oov_buckets(self) -> int:
        """Rows of unknown values, from row 1 on."""
        return self._num_oov_buckets

    @property
    def seed(self) -> int:
        """Of the initial rows."""
        return self._seed

    @property
    def embeddings(self) -> tf.Variable:
        """`[num_rows, embedding_dim]` the table; there is one when the layer was called."""
        return self._table.embeddings

    def rows_of_unknown(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the int64 rows that values have while the vocabulary does not hold them."""
        return 1 + tf.strings.to_hash_bucket_fast(values, self._num_oov_buckets)

    def call(self, values: tf.Tensor, as_unknown: tf.Tensor | None = None) -> tf.Tensor:
        """Embeds values.

        Args:
          values: strings of any shape.
          as_unknown: bool of the same shape: where true, a value gets the row that it would have if the
            vocabulary did not hold it; `None` is false everywhere.

        Returns:
          `values.shape + [embedding_dim]` float32; zero where a value is empty.
        """
        rows = self._lookup(values)
        if as_unknown is not None:
            rows = tf.where(tf.logical_and(as_unknown, tf.not_equal(rows, 0)), self.rows_of_unknown(values), rows)
        present = tf.cast(tf.not_equal(rows, 0), tf.float32)
        return self._table(rows) * present[..., tf.newaxis]

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "vocabulary": self._vocabulary,
            "embedding_dim": self._embedding_dim,
            "num_oov_buckets": self._num_oov_buckets,
            "seed": self._seed,
        }
