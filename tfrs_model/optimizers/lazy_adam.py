"""Adam for tables: each row is its own Adam, which sleeps while the row is not touched."""

import tensorflow as tf

from tfrs_model.optimizers import touched_rows


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class LazyAdam(touched_rows.TouchedRowsOptimizer):
    """Adam (Kingma and Ba, ICLR 2015) whose moments and clock are those of a row.

    Stock Adam decays both moments of all rows at every step, and moves rows that
    are not in the batch along their old momentum: three passes over the table and
    two over the moments. Here a row's moments change when it is touched, and so does
    its clock t, on which the bias correction depends:

        t <- t + 1
        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g^2 - v)
        row <- row - rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    A row hence moves as stock Adam would move it, run on the steps that touch it
    and no others. Other lazy Adams correct by the optimizer's step instead: a row met
    first at a late step then moves (1 - beta_1) / sqrt(1 - beta_2) = 3.2 rates, where
    Adam's first step is 1. With a dense gradient every row is touched and this is Adam.

    The clock of a row is a float32, exact to 2^24 touches; both corrections are 1 long
    before. A row whose first gradient is 2 moves by one rate; if the next is 0, by

        sqrt(.001999) / .19 * .18 / sqrt(.003996) = .670 rates.

    Args:
      learning_rate: > 0, or a Keras schedule.
      beta_1: decay of the mean, in [0, 1).
      beta_2: decay of the mean square, in [0, 1).
      epsilon: > 0, added to the root.
      name: of the optimizer.
      options: further options of a Keras optimizer; see `TouchedRowsOptimizer`.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "lazy_adam",
        **options,
    ):
        super().__init__(learning_rate, name, **options)
        if not (0.0 <= beta_1 < 1.0 and 0.0 <= beta_2 < 1.0 and epsilon > 0.0):
            raise ValueError(
                "LazyAdam needs beta_1 and beta_2 in [0, 1) and epsilon > 0, "
                f"but they are {beta_1}, {beta_2} and {epsilon}."
            )
        self._beta_1 = beta_1
        self._beta_2 = beta_2
        self._epsilon = epsilon

    def _new_slots(self, variable: tf.Variable) -> list[tf.Variable]:
        return [
            self.add_variable_from_reference(variable, "touches", shape=variable.shape[:1]),
            self.add_variable_from_reference(variable, "mean"),
            self.add_variable_from_reference(variable, "mean_square"),
        ]

    def change_of_rows(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, *slots: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes what is subtracted from rows, and the rows' new clock and moments."""
        touches, mean, mean_square = slots
        touches += 1.0
        mean += (gradient - mean) * (1.0 - self._beta_1)
        mean_square += (tf.square(gradient) - mean_square) * (1.0 - self._beta_2)
        correction = tf.sqrt(1.0 - tf.pow(self._beta_2, touches)) / (1.0 - tf.pow(self._beta_1, touches))
        rate = touched_rows.one_per_row(learning_rate * correction, gradient)
        return rate * mean / (tf.sqrt(mean_square) + self._epsilon), [touches, mean, mean_square]

    def get_config(self) -> dict:
        """Returns the arguments that make an equal optimizer, without its state."""
        return {**super().get_config(), "beta_1": self._beta_1, "beta_2": self._beta_2, "epsilon": self._epsilon}
