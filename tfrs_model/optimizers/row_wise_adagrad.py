"""Adagrad with one number of state per row, for tables too large to hold a second one of their size."""

import tensorflow as tf

from tfrs_model.optimizers import touched_rows


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class RowWiseAdagrad(touched_rows.TouchedRowsOptimizer):
    """Adagrad whose accumulator adds up the mean square of a row's gradient.

        accumulator <- accumulator + mean(g^2)
        row <- row - rate * g / (sqrt(accumulator) + epsilon)

    State is 1 / embedding_dim of Adagrad's, and a row keeps the direction of its
    gradient. As in DLRM and FBGEMM the accumulator starts at 0 and epsilon stands
    outside the root, so the path does not depend on the scale of the loss: Keras'
    Adagrad starts at 0.1, which is large beside the squares of a row's part in the
    mean over a batch, and learns rare rows slowly.

    A row [0, 0] with gradient [3, 1] gets accumulator 5 and, at rate 1, becomes
    -[3, 1] / sqrt(5) = [-1.342, -0.447].

    A variable without a second dimension, such as a bias, has an accumulator per element.

    Args:
      learning_rate: > 0, or a Keras schedule.
      initial_accumulator_value: >= 0.
      epsilon: > 0, added to the root.
      name: of the optimizer.
      options: further options of a Keras optimizer; see `TouchedRowsOptimizer`.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.01,
        initial_accumulator_value: float = 0.0,
        epsilon: float = 1e-8,
        name: str = "row_wise_adagrad",
        **options,
    ):
        super().__init__(learning_rate, name, **options)
        if not (initial_accumulator_value >= 0.0 and epsilon > 0.0):
            raise ValueError(
                "RowWiseAdagrad needs initial_accumulator_value >= 0 and epsilon > 0, "
                f"but they are {initial_accumulator_value} and {epsilon}."
            )
        self._initial_accumulator_value = initial_accumulator_value
        self._epsilon = epsilon

    def _new_slots(self, variable: tf.Variable) -> list[tf.Variable]:
        start = tf.fill(variable.shape[:1], tf.cast(self._initial_accumulator_value, variable.dtype))
        return [self.add_variable_from_reference(variable, "accumulator", initial_value=start)]

    def change_of_rows(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, *slots: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes what is subtracted from rows, and the rows' new accumulator."""
        (accumulator,) = slots
        accumulator += tf.reduce_mean(tf.square(gradient), axis=list(range(1, gradient.shape.rank)))
        rate = learning_rate / (tf.sqrt(accumulator) + self._epsilon)
        return touched_rows.one_per_row(rate, gradient) * gradient, [accumulator]

    def get_config(self) -> dict:
        """Returns the arguments that make an equal optimizer, without its state."""
        return {
            **super().get_config(),
            "initial_accumulator_value": self._initial_accumulator_value,
            "epsilon": self._epsilon,
        }
