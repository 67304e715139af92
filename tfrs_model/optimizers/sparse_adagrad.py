"""Adagrad for tables: Keras' own, without the options that would pass over a whole table."""

import tensorflow as tf

from tfrs_model.optimizers import dense_passes


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class SparseAdagrad(tf.keras.optimizers.Adagrad):
    """Adagrad with an accumulator per element (Duchi et al., JMLR 2011); a step touches the rows of its batch.

        accumulator <- accumulator + g^2
        row <- row - rate * g / sqrt(accumulator + epsilon)

    Keras' class already adds up the parts of a row before it squares them, and reads
    and writes the touched rows only; that is why this one is derived from it and gives
    the same numbers. What does pass over the table, or clips the parts instead of their
    sum, are its options for weight decay, averaging and clipping; they are refused.

    Args:
      learning_rate: > 0, or a Keras schedule.
      initial_accumulator_value: >= 0.
      epsilon: added under the root.
      name: of the optimizer.
      options: further options of a Keras optimizer.

    Raises:
      ValueError: on a refused option.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        name: str = "sparse_adagrad",
        **options,
    ):
        dense_passes.require_none("SparseAdagrad", options)
        options = {**options, "jit_compile": False}
        super().__init__(learning_rate, initial_accumulator_value, epsilon, name=name, **options)
