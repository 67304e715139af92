"""Embedding tables of features: what makes one, and those that features of both towers share."""

from collections.abc import Iterable, Mapping

import tensorflow as tf

from tfrs_model import bucket_embedding, string_embedding
from tfrs_model import schema as schema_lib
from tfrs_model.feature_input import FeatureInput

# What features that share a table must have in common.
_COMMON = ("embedding_dim", "hash_buckets", "vocabulary", "boundaries")


def make_table(readers: Iterable[FeatureInput], seed: int, name: str) -> tf.keras.layers.Layer:
    """Returns a new table for the features that read it.

    Raises:
      ValueError: if they differ in what the table is made of, or read a table of ids, which only the model can make.
    """
    first, *others = readers
    for other in others:
        differing = [option for option in _COMMON if getattr(first, option) != getattr(other, option)]
        if (first.kind == "bucketised") != (other.kind == "bucketised"):
            differing.insert(0, "kind")
        if differing:
            raise ValueError(
                f"Features {first.name!r} and {other.name!r} share table {first.table_name!r}, so their "
                f"{differing[0]} must be equal, but are not; make them equal, or name another table."
            )
    if first.table_name in schema_lib.ID_TABLES:
        raise ValueError(
            f"Feature {first.name!r} reads table {first.table_name!r}, which holds the model's ids; pass it."
        )
    if first.kind == "bucketised":
        return bucket_embedding.BucketEmbedding(first.boundaries, first.embedding_dim, seed=seed, name=name)
    return string_embedding.StringEmbedding(
        first.vocabulary, first.embedding_dim, first.hash_buckets or 1, seed=seed, name=name
    )


def make_shared_tables(features: Iterable[FeatureInput], seed: int) -> dict[str, tf.keras.layers.Layer]:
    """Returns, by name, the tables that more than one feature reads; those of ids are left out.

    A table that one feature reads is made by the encoder of that feature.
    """
    return {
        name: make_table(readers, seed, name)
        for name, readers in readers_of_tables(features).items()
        if len(readers) > 1 and name not in schema_lib.ID_TABLES
    }


def readers_of_tables(features: Iterable[FeatureInput]) -> Mapping[str, list[FeatureInput]]:
    """Returns the features that embed, by the name of their table, in order."""
    readers: dict[str, list[FeatureInput]] = {}
    for feature in features:
        if feature.embeds:
            readers.setdefault(feature.table_name, []).append(feature)
    return readers
