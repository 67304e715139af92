"""What both Adagrads share: a start of the accumulator and an epsilon."""

import tensorflow as tf

from tfrs_model.optimizers import touched_rows


class AccumulatedSquares(touched_rows.TouchedRowsOptimizer):
    """Divides a row's gradient by the root of the squares of all its gradients so far.

    Args:
      learning_rate: > 0, or a Keras schedule.
      initial_accumulator_value: >= 0.
      epsilon: > 0.
      name: of the optimizer.
      options: further options of a Keras optimizer; see `TouchedRowsOptimizer`.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule,
        initial_accumulator_value: float,
        epsilon: float,
        name: str,
        **options,
    ):
        super().__init__(learning_rate, name, **options)
        if not (initial_accumulator_value >= 0.0 and epsilon > 0.0):
            raise ValueError(
                f"{type(self).__name__} needs initial_accumulator_value >= 0 and epsilon > 0, "
                f"but they are {initial_accumulator_value} and {epsilon}."
            )
        self._initial_accumulator_value = initial_accumulator_value
        self._epsilon = epsilon

    def _accumulator(self, variable: tf.Variable, shape: tf.TensorShape) -> tf.Variable:
        start = tf.fill(shape, tf.cast(self._initial_accumulator_value, variable.dtype))
        return self.add_variable_from_reference(variable, "accumulator", initial_value=start)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal optimizer, without its state."""
        return {
            **super().get_config(),
            "initial_accumulator_value": self._initial_accumulator_value,
            "epsilon": self._epsilon,
        }
