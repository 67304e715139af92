"""A temperature that is learned with the towers, inside bounds."""

import math

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class LearnableTemperature(tf.keras.layers.Layer):
    """The divisor of the scores as a weight that gradients move but cannot carry off.

        temperature = minimum * (maximum / minimum) ** sigmoid(x)

    A free temperature shrinks until one logit holds all the mass and nothing is
    learned any more; between bounds it cannot. At x = 0 it is the geometric mean of
    the bounds: .1 between .01 and 1.

    Args:
      initial: first value, strictly between the bounds.
      minimum: > 0.
      maximum: finite.

    Raises:
      ValueError: if the three are not in this order.
    """

    def __init__(self, initial: float, minimum: float = 0.01, maximum: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 < minimum < initial < maximum < math.inf:
            raise ValueError(
                "A learnable temperature needs 0 < minimum < initial < maximum and a finite maximum, but they are "
                f"{minimum}, {initial} and {maximum}."
            )
        self._bounds = (initial, minimum, maximum)
        share = math.log(initial / minimum) / math.log(maximum / minimum)
        self._position = self.add_weight(
            name="position",
            shape=(),
            dtype=tf.float32,
            initializer=tf.keras.initializers.Constant(math.log(share / (1.0 - share))),
            experimental_autocast=False,
        )

    def call(self, scores: tf.Tensor) -> tf.Tensor:
        """Returns the scores, or one factor of them, divided by the present temperature."""
        return scores / self.value()

    def value(self) -> tf.Tensor:
        """Returns the present temperature, a float32 scalar."""
        _, minimum, maximum = self._bounds
        return minimum * tf.pow(maximum / minimum, tf.sigmoid(self._position))

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer, without what it has learned."""
        initial, minimum, maximum = self._bounds
        return {**super().get_config(), "initial": initial, "minimum": minimum, "maximum": maximum}
