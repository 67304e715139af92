"""Adagrad for tables: the numbers of Keras' own, from the rows of a batch alone."""

import tensorflow as tf

from tfrs_model.optimizers import accumulated_squares


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class SparseAdagrad(accumulated_squares.AccumulatedSquares):
    """Adagrad with an accumulator per element (Duchi et al., JMLR 2011).

        accumulator <- accumulator + g^2
        row <- row - rate * g / sqrt(accumulator + epsilon)

    On one device Keras' class does the same from the touched rows, to the bit. Under a
    strategy it first copies each replica's whole accumulator, and its options for weight
    decay, averaging and clipping pass over tables or clip parts of a row anywhere; that is
    why this class exists.

    A row [0, 0] whose parts [1, 0] and [1, 3] come in one step has g = [2, 3]; at rate 1,
    with a start and epsilon of 0, it becomes [-1, -1].

    Args:
      learning_rate: > 0, or a Keras schedule.
      initial_accumulator_value: >= 0.
      epsilon: > 0, added under the root.
      name: of the optimizer.
      options: further options of a Keras optimizer; see `TouchedRowsOptimizer`.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        name: str = "sparse_adagrad",
        **options,
    ):
        super().__init__(learning_rate, initial_accumulator_value, epsilon, name, **options)

    def _new_slots(self, variable: tf.Variable) -> list[tf.Variable]:
        return [self._accumulator(variable, variable.shape)]

    def change_of_rows(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, *slots: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes what is subtracted from rows, and the rows' new accumulator."""
        accumulator = slots[0] + gradient * gradient
        return learning_rate * gradient / tf.sqrt(accumulator + self._epsilon), [accumulator]
