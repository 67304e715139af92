"""The table under every embedding: its rows, and how they start."""

import tensorflow as tf

from tfrs_model import seeds


def embedding_table(num_rows: int, embedding_dim: int, seed: int, owner: str) -> tf.keras.layers.Embedding:
    """Returns a new table, normal with standard deviation `1 / sqrt(embedding_dim)`, so that a row has length about 1.

    Args:
      num_rows: of the table.
      embedding_dim: width of a row.
      seed: of the initial rows.
      owner: name of the layer that owns the table; two owners start with different rows.
    """
    return tf.keras.layers.Embedding(
        num_rows,
        embedding_dim,
        embeddings_initializer=tf.keras.initializers.RandomNormal(
            stddev=embedding_dim**-0.5, seed=seeds.derive_seed(seed, owner)
        ),
        name="table",
    )
