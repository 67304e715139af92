"""What the optimizers share whose update of a table reads and writes the rows of its gradient only."""

import abc

import tensorflow as tf

from tfrs_model.optimizers import dense_passes


class TouchedRowsOptimizer(tf.keras.optimizers.Optimizer):
    """Updates the rows that a gradient names; a dense gradient names them all.

    Both kinds of gradient go through one formula, `change_of_rows`. Keras adds up the
    parts of a row that came several times before it calls `update_step`, so the
    formula sees each row once and the square is that of the sum.

    All ops are deterministic on CPUs at no extra cost: rows are unique, so the order
    of their writes is of no matter.

    Args:
      learning_rate: > 0, or a Keras schedule.
      name: of the optimizer.
      options: further options of a Keras optimizer; those that pass over whole tables,
        or clip before parts of a row are added, are refused.

    Raises:
      ValueError: on such an option.
    """

    def __init__(self, learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule, name: str, **options):
        dense_passes.require_none(type(self).__name__, options)
        # Keras' default, weight_decay=0, rewrites every row to decay it by nothing; `None` does not.
        super().__init__(name=name, **{**options, "weight_decay": None, "jit_compile": False})
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list: list[tf.Variable]) -> None:
        """Makes the slots; later calls do nothing."""
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        self._slots = [self._new_slots(variable) for variable in var_list]

    @abc.abstractmethod
    def _new_slots(self, variable: tf.Variable) -> list[tf.Variable]:
        """Returns the slots of one variable, each with the variable's rows as first dimension."""

    @abc.abstractmethod
    def change_of_rows(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, *slots: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes what is subtracted from rows, and the rows' new slots.

        Args:
          gradient: `[num_rows, ...]`, one for each row.
          learning_rate: scalar.
          *slots: the same rows of each slot.

        Returns:
          What to subtract, shaped like the gradient, and the new slots.
        """

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable and its slots.

        Args:
          gradient: of the whole variable, or of some rows, each at most once.
          variable: to update.
        """
        learning_rate = tf.cast(self.learning_rate, variable.dtype)
        slots = self._slots[self._index_dict[self._var_key(variable)]]
        if isinstance(gradient, tf.IndexedSlices):
            rows = gradient.indices
            change, new = self.change_of_rows(
                gradient.values, learning_rate, *(read_rows(slot, rows) for slot in slots)
            )
            for slot, values in zip(slots, new, strict=True):
                slot.scatter_update(tf.IndexedSlices(values, rows))
            variable.scatter_sub(tf.IndexedSlices(change, rows))
        else:
            change, new = self.change_of_rows(gradient, learning_rate, *map(tf.convert_to_tensor, slots))
            for slot, values in zip(slots, new, strict=True):
                slot.assign(values)
            variable.assign_sub(change)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal optimizer, without its state."""
        return {"name": self.name, "learning_rate": self._serialize_hyperparameter(self._learning_rate)}


def read_rows(variable: tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """Returns rows of a variable; on a variable of a strategy `tf.gather` would copy all of it first."""
    return tf.raw_ops.ResourceGather(resource=variable.handle, indices=rows, dtype=variable.dtype)


def one_per_row(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Reshapes `[num_rows]` so that it broadcasts over the rows of `like`."""
    missing = max(like.shape.rank - 1, 0)
    return tf.reshape(values, tf.concat([tf.shape(values), tf.ones([missing], tf.int32)], axis=0))
