"""One optimizer for a model that gives its embedding tables and its dense layers each their own."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfrs_model.optimizers import dense_passes, touched_rows


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
def is_embedding_table(variable: tf.Variable) -> bool:
    """Returns whether a variable is the matrix of a Keras `Embedding`, by its rank and the name Keras gives it."""
    return variable.shape.rank == 2 and variable.name.split(":")[0].split("/")[-1] == "embeddings"


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class TablesAndDense(tf.keras.optimizers.Optimizer):
    """Updates embedding tables with one optimizer and all other variables with another.

    A step, in this order:

        gradients of all replicas -> parts of a row added up -> clipping by global norm
        -> weight decay -> the variable's own optimizer

    *Rows.* A row that came several times has one gradient, the sum: the norm and the
    squares are those of the sum. Keras clips before it adds, and so gets another norm.

    *Weight decay* is decoupled (Loshchilov and Hutter, ICLR 2019): a row or matrix
    shrinks by rate * weight_decay of itself, with the rate of its own optimizer at that
    step. In a table only the touched rows shrink, each once a step however often it
    came. A table with a dense gradient counts as touched everywhere. Biases and other
    variables of rank 0 and 1 are not decayed.

    *Clipping* scales all gradients, of tables and dense layers together, by
    clip_norm / norm where their common norm is above `clip_norm`. A gradient that is not
    finite makes all of them NaN, so that the run ends rather than learns from it.

    Both optimizers count their steps in this one's `iterations`. There are two learning
    rates, `optimizer.tables.learning_rate` and `optimizer.dense.learning_rate`; asking for
    `optimizer.learning_rate` is an error rather than a guess.

    Args:
      tables: optimizer of the tables, not used before.
      dense: optimizer of all other variables, not used before.
      is_table: tells tables; must be registered (`register_keras_serializable`) for a
        configuration to be written. A variable that it refuses may not have a gradient of rows.
      weight_decay: share by which a variable shrinks at rate 1, >= 0.
      clip_norm: largest norm of all gradients together, > 0; 0 clips nothing.
      name: of the optimizer.

    Raises:
      ValueError: if an argument is out of its range, an optimizer clips, decays or
        averages by itself, or both are the same object.
    """

    def __init__(
        self,
        tables: tf.keras.optimizers.Optimizer,
        dense: tf.keras.optimizers.Optimizer,
        is_table: Callable[[tf.Variable], bool] = is_embedding_table,
        weight_decay: float = 0.0,
        clip_norm: float = 0.0,
        name: str = "tables_and_dense",
    ):
        # Keras' default, weight_decay=0, rewrites every row to decay it by nothing; `None` does not.
        super().__init__(name=name, weight_decay=None, jit_compile=False)
        for option, value in (("weight_decay", weight_decay), ("clip_norm", clip_norm)):
            if not 0.0 <= value < float("inf"):
                raise ValueError(f"{option} of TablesAndDense must be >= 0 and finite, but is {value}.")
        if tables is dense:
            raise ValueError("tables and dense must be two optimizers, but are one object; make another of its kind.")
        for role, optimizer in (("tables", tables), ("dense", dense)):
            dense_passes.require_none(f"Optimizer {optimizer.name!r} for {role}", vars(optimizer))
            optimizer.iterations = self.iterations
        self.tables = tables
        self.dense = dense
        self._is_table = is_table
        self._decay = weight_decay
        self._clip_norm = clip_norm

    @property
    def learning_rate(self) -> tf.Tensor:
        """There is none; there are two.

        Raises:
          AttributeError: always. Keras callbacks that would set it say then that they cannot.
        """
        raise AttributeError(
            "TablesAndDense has two learning rates; use .tables.learning_rate and .dense.learning_rate instead."
        )

    def build(self, var_list: list[tf.Variable]) -> None:
        """Shares the variables out and makes the slots; later calls do nothing.

        Raises:
          ValueError: if a table has a constraint, which would be applied to all its rows.
        """
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        tables = [variable for variable in var_list if self._is_table(variable)]
        if constrained := [variable.name for variable in tables if variable.constraint is not None]:
            raise ValueError(
                f"Table {constrained[0]} has a constraint, which Keras would apply to every row at every step; "
                "build the layer without it."
            )
        self._built = True
        self._table_keys = frozenset(self._var_key(variable) for variable in tables)
        self.tables.build(tables)
        self.dense.build([variable for variable in var_list if self._var_key(variable) not in self._table_keys])
        for optimizer in (self.tables, self.dense):
            # The first is the counter that `iterations` above has replaced.
            for variable in optimizer.variables[1:]:
                self._variables.append(variable)

    def slots_of(self, table: tf.Variable) -> list[tf.Variable]:
        """Returns the slots of a table, all of which have the table's rows as first dimension.

        Args:
          table: one of the variables that this optimizer was built for.

        Raises:
          ValueError: if the optimizer of the tables keeps state that is not of rows.
        """
        # The first is the counter of steps; after it an optimizer makes the slots of one variable after another.
        slots, index = self.tables.variables[1:], self.tables._index_dict
        per_table, rest = divmod(len(slots), len(index))
        first = index[self._var_key(table)] * per_table
        of_table = slots[first : first + per_table]
        if rest or any(slot.shape[:1] != table.shape[:1] for slot in of_table):
            raise ValueError(
                f"Optimizer {self.tables.name!r} must keep as many slots for each table, with a row for each of its "
                "rows, but does not; the state of a row cannot be told."
            )
        return of_table

    @property
    def learning_rate_variables(self) -> list[tf.Variable]:
        """What holds the present rates of both optimizers, where Keras keeps it in variables."""
        held = [
            getattr(optimizer, name, None)
            for optimizer in (self.tables, self.dense)
            for name in ("_learning_rate", "_current_learning_rate")
        ]
        return [each for each in held if isinstance(each, tf.Variable)]

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Decays and updates one variable.

        Raises:
          ValueError: if a gradient of rows comes for a variable that is no table.
        """
        is_table = self._var_key(variable) in self._table_keys
        if isinstance(gradient, tf.IndexedSlices) and not is_table:
            raise ValueError(
                f"{variable.name} has a gradient of rows, but {_name(self._is_table)} says that it is no table; pass "
                "an is_table that accepts it."
            )
        optimizer = self.tables if is_table else self.dense
        if self._decay and variable.shape.rank >= 2:
            self._decay_weights(gradient, variable, optimizer)
        optimizer.update_step(gradient, variable)

    def _decay_weights(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        optimizer: tf.keras.optimizers.Optimizer,
    ) -> None:
        share = tf.cast(optimizer.learning_rate, variable.dtype) * self._decay
        if isinstance(gradient, tf.IndexedSlices):
            rows = gradient.indices
            variable.scatter_sub(tf.IndexedSlices(share * touched_rows.read_rows(variable, rows), rows))
        else:
            variable.assign_sub(share * variable)

    # Steps of Keras' apply_gradients, in its order: rates, clipping, adding up, update_step.

    def _compute_current_learning_rate(self) -> None:
        self.tables._compute_current_learning_rate()
        self.dense._compute_current_learning_rate()

    def _clip_gradients(self, grads: list[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor | tf.IndexedSlices]:
        grads = super()._deduplicate_sparse_grad(grads)
        return tf.clip_by_global_norm(grads, self._clip_norm)[0] if self._clip_norm else grads

    def _deduplicate_sparse_grad(self, grads: list[tf.Tensor | tf.IndexedSlices]) -> list[tf.Tensor | tf.IndexedSlices]:
        return grads

    def get_config(self) -> dict:
        """Returns the arguments that make an equal optimizer, without its state.

        Raises:
          ValueError: if `is_table` is not registered with Keras.
        """
        registered = tf.keras.utils.get_registered_name(self._is_table)
        if tf.keras.utils.get_registered_object(registered) is not self._is_table:
            raise ValueError(
                f"is_table, {_name(self._is_table)}, cannot be written into a configuration; decorate it with "
                "tf.keras.utils.register_keras_serializable."
            )
        return {
            "name": self.name,
            "tables": tf.keras.optimizers.serialize(self.tables),
            "dense": tf.keras.optimizers.serialize(self.dense),
            "is_table": registered,
            "weight_decay": self._decay,
            "clip_norm": self._clip_norm,
        }

    @classmethod
    def from_config(cls, config: Mapping, custom_objects: Mapping | None = None) -> "TablesAndDense":
        """Makes the optimizer that `get_config` describes, with fresh state."""
        optimizers = {
            role: tf.keras.optimizers.deserialize(config[role], custom_objects=custom_objects)
            for role in ("tables", "dense")
        }
        is_table = tf.keras.utils.get_registered_object(config["is_table"], custom_objects=custom_objects)
        return cls(**{**config, **optimizers, "is_table": is_table})


def _name(function: Callable) -> str:
    return getattr(function, "__qualname__", repr(function))
