"""Adagrad with one number of state per row, for tables too large to hold a second one of their size."""

import tensorflow as tf

from tfrs_model.optimizers import accumulated_squares, touched_rows


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class RowWiseAdagrad(accumulated_squares.AccumulatedSquares):
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
        super().__init__(learning_rate, initial_accumulator_value, epsilon, name, **options)

    def _new_slots(self, variable: tf.Variable) -> list[tf.Variable]:
        return [self._accumulator(variable, variable.shape[:1])]

    def change_of_rows(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, *slots: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes what is subtracted from rows, and the rows' new accumulator."""
        (accumulator,) = slots
        accumulator += tf.reduce_mean(tf.square(gradient), axis=list(range(1, gradient.shape.rank)))
        rate = learning_rate / (tf.sqrt(accumulator) + self._epsilon)
        return touched_rows.one_per_row(rate, gradient) * gradient, [accumulator]
