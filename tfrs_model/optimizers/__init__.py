"""Optimizers for models that are mostly embedding tables: a step touches the rows of its batch and no others."""

from tfrs_model.optimizers.lazy_adam import LazyAdam
from tfrs_model.optimizers.optimizer_config import OPTIMIZERS, OptimizerConfig, OptimizerConfigError, build_optimizer
from tfrs_model.optimizers.row_wise_adagrad import RowWiseAdagrad
from tfrs_model.optimizers.sparse_adagrad import SparseAdagrad
from tfrs_model.optimizers.tables_and_dense import TablesAndDense, is_embedding_table
from tfrs_model.optimizers.warm_up_schedule import SCHEDULES, WarmUpSchedule

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "LazyAdam",
    "OptimizerConfig",
    "OptimizerConfigError",
    "RowWiseAdagrad",
    "SparseAdagrad",
    "TablesAndDense",
    "WarmUpSchedule",
    "build_optimizer",
    "is_embedding_table",
]
