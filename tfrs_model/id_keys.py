"""Ids of any kind as integers, so that many can be compared at once."""

import tensorflow as tf

from tfrs_model import seeds

_KEY = [seeds.derive_seed(0, f"id_keys/{part}") for part in ("low", "high")]


def id_keys(ids: tf.Tensor) -> tf.Tensor:
    """Returns int64 keys of the same shape: equal for equal ids, and for others with probability 2**-63.

    Args:
      ids: strings, which are hashed, or integers, which are their own keys.

    Raises:
      TypeError: if the ids are neither.
    """
    ids = tf.convert_to_tensor(ids)
    if ids.dtype == tf.string:
        return tf.strings.to_hash_bucket_strong(ids, 2**63 - 1, key=_KEY)
    if not ids.dtype.is_integer:
        raise TypeError(f"Ids must be strings or integers, but are {ids.dtype.name}.")
    return tf.cast(ids, tf.int64)
