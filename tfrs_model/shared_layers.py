"""Layers that several parts of a tower share, to a configuration and back."""

from typing import Any

import tensorflow as tf


def to_config(layers: Any) -> dict:
    """Returns what `from_config` reads: each layer once, and where each is used.

    Args:
      layers: a layer, `None`, or a (nested) dict of them; one object may stand in several places.
    """
    distinct: list[tf.keras.layers.Layer] = []

    def position(layer: tf.keras.layers.Layer | None) -> int | None:
        if layer is None:
            return None
        if not any(layer is each for each in distinct):
            distinct.append(layer)
        return next(i for i, each in enumerate(distinct) if each is layer)

    positions = tf.nest.map_structure(position, layers)
    return {"layers": [tf.keras.layers.serialize(layer) for layer in distinct], "positions": positions}


def from_config(config: dict) -> Any:
    """Makes new layers in the same places; what was one object is one object again."""
    layers = [tf.keras.layers.deserialize(each) for each in config["layers"]]
    return tf.nest.map_structure(lambda position: None if position is None else layers[position], config["positions"])
