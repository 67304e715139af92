"""The choice of optimizer, its rates, decay, clipping and schedule, and how one is built from it."""

import dataclasses
import math

import tensorflow as tf

from tfrs_model.optimizers import lazy_adam, row_wise_adagrad, sparse_adagrad, tables_and_dense, warm_up_schedule

OPTIMIZERS = ("adam", "adagrad", "lazy_adam", "row_wise_adagrad")


class OptimizerConfigError(ValueError):
    """An option of the optimizer is out of its range or clashes with another; the message names it."""


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """How weights follow from gradients.

    | optimizer | tables | dense layers | state of a table | a step's cost |
    |---|---|---|---|---|
    | adam | Keras' Adam | Keras' Adam | 2 tables | grows with the table |
    | adagrad | `SparseAdagrad`, in numbers Keras' | Keras' Adagrad | 1 table | touched rows |
    | lazy_adam | `LazyAdam` | Keras' Adam | 2 tables, 1 number a row | touched rows |
    | row_wise_adagrad | `RowWiseAdagrad` | Keras' Adagrad | 1 number a row | touched rows |

    Attributes:
      optimizer: one of `OPTIMIZERS`.
      learning_rate: of the dense layers, and of the tables too without `table_learning_rate`; > 0.
      table_learning_rate: of the embedding tables, > 0; `None` for the same.
      weight_decay: share by which weights shrink at rate 1, >= 0; see `TablesAndDense`.
      clip_norm: largest norm of all gradients together; 0 for no clipping.
      schedule: of both rates: `constant`, `inverse_sqrt` or `cosine`; see `WarmUpSchedule`.
      warm_up_steps: over which both rates rise; 0 for none.
      decay_steps: step at which `cosine` reaches 0; 0 with the other schedules.
    """

    optimizer: str = "adam"
    learning_rate: float = 0.002
    table_learning_rate: float | None = None
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    schedule: str = "constant"
    warm_up_steps: int = 0
    decay_steps: int = 0

    def __post_init__(self) -> None:
        table_rate = self.learning_rate if self.table_learning_rate is None else self.table_learning_rate
        least_warm_up = 1 if self.schedule == "inverse_sqrt" else 0
        for name, allowed, rule in (
            ("optimizer", self.optimizer in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
            ("learning_rate", 0.0 < self.learning_rate < math.inf, "> 0 and finite"),
            ("table_learning_rate", 0.0 < table_rate < math.inf, "> 0 and finite, or left out to be the learning_rate"),
            ("weight_decay", 0.0 <= self.weight_decay < math.inf, ">= 0 and finite"),
            ("clip_norm", 0.0 <= self.clip_norm < math.inf, ">= 0 and finite, 0 for no clipping"),
            (
                "schedule",
                self.schedule in warm_up_schedule.SCHEDULES,
                f"one of {', '.join(warm_up_schedule.SCHEDULES)}",
            ),
            ("warm_up_steps", self.warm_up_steps >= least_warm_up, f">= {least_warm_up} with schedule {self.schedule}"),
        ):
            if not allowed:
                raise OptimizerConfigError(f"{name} must be {rule}, but is {getattr(self, name)!r}.")
        if self.schedule == "cosine" and self.decay_steps <= self.warm_up_steps:
            raise OptimizerConfigError(
                f"schedule cosine needs decay_steps above its warm_up_steps, {self.warm_up_steps}, "
                f"but it is {self.decay_steps}."
            )
        if self.schedule != "cosine" and self.decay_steps:
            raise OptimizerConfigError(
                f"decay_steps is {self.decay_steps}, but only schedule cosine reads it, and schedule is "
                f"{self.schedule}; leave decay_steps at 0."
            )


def build_optimizer(config: OptimizerConfig) -> tables_and_dense.TablesAndDense:
    """Builds the optimizer of a model whose tables are Keras `Embedding` layers."""
    tables, dense = {
        "adam": (tf.keras.optimizers.Adam, tf.keras.optimizers.Adam),
        "adagrad": (sparse_adagrad.SparseAdagrad, tf.keras.optimizers.Adagrad),
        "lazy_adam": (lazy_adam.LazyAdam, tf.keras.optimizers.Adam),
        "row_wise_adagrad": (row_wise_adagrad.RowWiseAdagrad, tf.keras.optimizers.Adagrad),
    }[config.optimizer]
    table_rate = config.learning_rate if config.table_learning_rate is None else config.table_learning_rate
    return tables_and_dense.TablesAndDense(
        tables=tables(_rate(config, table_rate)),
        dense=dense(_rate(config, config.learning_rate)),
        weight_decay=config.weight_decay,
        clip_norm=config.clip_norm,
    )


def _rate(config: OptimizerConfig, peak: float) -> float | warm_up_schedule.WarmUpSchedule:
    if config.schedule == "constant" and not config.warm_up_steps:
        return peak
    return warm_up_schedule.WarmUpSchedule(peak, config.schedule, config.warm_up_steps, config.decay_steps)
