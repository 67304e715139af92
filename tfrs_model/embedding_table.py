"""The table under every embedding: its rows, and how they start."""

import hashlib
from collections.abc import Sequence

import numpy as np
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


def initial_rows(values: Sequence[str], embedding_dim: int, seed: int, owner: str) -> np.ndarray:
    """Returns the first rows of values that come to a table later, distributed as those of a new table.

    A row is a function of (seed, owner, value) alone: neither the day nor the order in which values come changes it.
    Its key has 128 bits of a SHA-256, so that no two values share a row by chance.

    Args:
      values: any strings.
      embedding_dim: width of a row.
      seed: of the initial rows.
      owner: name of the layer that owns the table.

    Returns:
      `[num_values, embedding_dim]` float32.
    """
    rows = np.empty((len(values), embedding_dim), np.float32)
    for row, value in zip(rows, values, strict=True):
        digest = hashlib.sha256(f"{seed}/{owner}/{value}".encode()).digest()
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "big")))
        row[:] = generator.standard_normal(embedding_dim) * embedding_dim**-0.5
    return rows
