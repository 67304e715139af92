"""Whether the weights of a model are numbers."""

from collections.abc import Iterable

import tensorflow as tf


def count_not_finite(weights: Iterable[tf.Variable]) -> dict[str, int]:
    """Returns how many numbers of each weight are NaN or infinite, by name, without those that have none.

    One NaN in an embedding makes the scores of its candidate NaN, and of every answer that holds it; one in a layer
    makes all of them NaN. Weights that are no floats, such as counters, cannot be NaN and are passed over.

    Args:
      weights: of any shape; of two of the same name the counts are added up.
    """
    counts: dict[str, int] = {}
    for weight in weights:
        if weight.dtype.is_floating:
            number = int(tf.math.count_nonzero(~tf.math.is_finite(weight)))
            counts[weight.name] = counts.get(weight.name, 0) + number
    return {name: number for name, number in counts.items() if number}
