"""What an update of an embedding table costs against the number of its rows, in one JSON line.

    python -m benchmarks.optimizer_cost --table_rows=100000,1000000,4000000

An update is what training does from the gradient of the looked up rows on: parts of a
row are added up, then the optimizer runs, in a compiled graph with deterministic ops.
The optimizers are those that `pipelines.train` builds for its names, beside stock
Adam and Adagrad of Keras in the same run. `forward_and_update` is a step that also looks
the rows up and derives their gradient. Medians, the tables of one optimizer in turns, so
that a busy machine slows all of them alike; a table goes to stderr.

It holds if no update but Adam's takes more than 1.5 times as long on the largest table
as on the smallest, which may fit into a cache, and .3 ms.
"""

import dataclasses
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf
from absl import app, flags

from pipelines import job
from tfrs_model import optimizers

_STOCK = {"stock adam": tf.keras.optimizers.Adam, "stock adagrad": tf.keras.optimizers.Adagrad}
_GROWS = ("adam", "stock adam")
_ALLOWED_GROWTH, _ALLOWED_MILLISECONDS = 1.5, 0.3
# Updates of milliseconds are timed more often than those of seconds, since other work disturbs them more.
_MORE_OF_THE_SHORT = 10
_EMBEDDING_DIM = 64

_TABLE_ROWS = flags.DEFINE_list("table_rows", ["100000", "1000000", "4000000"], "Rows of the tables, rising.")
_TOUCHED_ROWS = flags.DEFINE_integer("touched_rows", 4096, "Different rows of a batch.")
_PARTS_PER_ROW = flags.DEFINE_integer("parts_per_row", 1, "How often each of them comes in a batch.")
_NUM_REPEATS = flags.DEFINE_integer(
    "num_optimizer_repeats", 15, "Timed updates with Adam; ten times as many with the others."
)


@dataclasses.dataclass(frozen=True)
class OptimizerCostConfig:
    """What is measured.

    Attributes:
      table_rows: sizes of the tables, rising.
      touched_rows: different rows of a batch, at most the smallest table's.
      parts_per_row: how often each comes.
      num_repeats: timed updates of Adam on each table; ten times as many of the others.
    """

    table_rows: tuple[int, ...] = (100_000, 1_000_000, 4_000_000)
    touched_rows: int = 4096
    parts_per_row: int = 1
    num_repeats: int = 15

    def __post_init__(self) -> None:
        if not self.table_rows or sorted(set(self.table_rows)) != list(self.table_rows):
            raise job.ConfigError(f"--table_rows must rise, but are {self.table_rows}.")
        if not 1 <= self.touched_rows <= self.table_rows[0]:
            raise job.ConfigError(
                f"--touched_rows must be in [1, {self.table_rows[0]}], the rows of the smallest table, but is "
                f"{self.touched_rows}."
            )
        for name in ("parts_per_row", "num_repeats"):
            if getattr(self, name) < 1:
                raise job.ConfigError(f"{name} must be >= 1, but is {getattr(self, name)}.")


def config_from_flags() -> OptimizerCostConfig:
    """Returns the configuration that the flags describe."""
    try:
        table_rows = tuple(int(rows) for rows in _TABLE_ROWS.value)
    except ValueError as error:
        raise job.ConfigError(f"--table_rows must be whole numbers, but are {_TABLE_ROWS.value}.") from error
    return OptimizerCostConfig(table_rows, _TOUCHED_ROWS.value, _PARTS_PER_ROW.value, _NUM_REPEATS.value)


def run(config: OptimizerCostConfig) -> dict:
    """Measures every optimizer on every table; returns the JSON line's object."""
    tf.config.experimental.enable_op_determinism()
    rows = []
    for name in (*optimizers.OPTIMIZERS, *_STOCK):
        with job.stage(f"Measuring {name}"):
            rows += _measure(config, name)
        gc.collect()
    growth = {name: list(_milliseconds(rows, name)) for name in (*optimizers.OPTIMIZERS, *_STOCK)}
    holds = all(
        each[-1] <= _ALLOWED_GROWTH * each[0] + _ALLOWED_MILLISECONDS
        for name, each in growth.items()
        if name not in _GROWS
    )
    return {
        "benchmark": "optimizer_cost",
        **dataclasses.asdict(config),
        "embedding_dim": _EMBEDDING_DIM,
        "rows": rows,
        "update_milliseconds": growth,
        "holds": holds,
    }


def _milliseconds(rows: list[dict], name: str) -> Iterator[float]:
    return (row["update_milliseconds"] for row in rows if row["optimizer"] == name)


def _optimizer(name: str) -> tf.keras.optimizers.Optimizer:
    return _STOCK[name](0.01) if name in _STOCK else optimizers.build_optimizer(optimizers.OptimizerConfig(name, 0.01))


def _measure(config: OptimizerCostConfig, name: str) -> list[dict]:
    """Returns a row per table; with its slots a table of 4M rows takes up to 3 GB."""
    functions, rows = {}, []
    for num_rows in config.table_rows:
        table = tf.Variable(tf.zeros([num_rows, _EMBEDDING_DIM]), name="table/embeddings")
        optimizer = _optimizer(name)
        optimizer.build([table])
        batches = _batches(config, num_rows)
        update, step = _functions(optimizer, table)
        functions[num_rows, "update"] = update, batches
        # In another order, or the step would find the rows of the update before it in the cache.
        functions[num_rows, "forward_and_update"] = step, batches[::-1]
        state = sum(each.dtype.size * each.shape.num_elements() for each in optimizer.variables if each.shape.rank)
        rows.append({"optimizer": name, "table_rows": num_rows, "state_bytes_per_row": round(state / num_rows)})
    num_repeats = config.num_repeats * (1 if name in _GROWS else _MORE_OF_THE_SHORT)
    for (num_rows, kind), median in _medians(functions, num_repeats).items():
        rows[config.table_rows.index(num_rows)][f"{kind}_milliseconds"] = median
    return rows


def _functions(optimizer: tf.keras.optimizers.Optimizer, table: tf.Variable) -> tuple[Callable, Callable]:
    @tf.function
    def update(rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        return optimizer.apply_gradients([(tf.IndexedSlices(values, rows, tf.constant(table.shape.as_list())), table)])

    @tf.function
    def step(rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.embedding_lookup(table, rows) * values)
        return optimizer.apply_gradients(zip(tape.gradient(loss, [table]), [table], strict=True))

    return update, step


def _batches(config: OptimizerCostConfig, num_rows: int, num_batches: int = 8) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Returns rows and the parts of their gradients; several batches, so that no table fits a cache by repetition."""
    generator = np.random.default_rng(0)
    batches = []
    for _ in range(num_batches):
        touched = np.tile(generator.choice(num_rows, config.touched_rows, replace=False), config.parts_per_row)
        values = generator.normal(size=[len(touched), _EMBEDDING_DIM]).astype(np.float32)
        batches.append((tf.constant(generator.permutation(touched)), tf.constant(values)))
    return batches


def _medians(functions: Mapping, num_repeats: int) -> dict:
    """Returns the median milliseconds of each; the first two calls trace and touch the memory, and do not count."""
    milliseconds = {key: [] for key in functions}
    for repeat in range(num_repeats + 2):
        for key, (function, batches) in functions.items():
            started = time.perf_counter()
            function(*batches[repeat % len(batches)]).numpy()
            milliseconds[key].append(1e3 * (time.perf_counter() - started))
    return {key: statistics.median(each[2:]) for key, each in milliseconds.items()}


def table(result: Mapping) -> str:
    """Returns the result as lines of text."""
    lines = [f"{'optimizer':18}{'rows':>12}{'update ms':>12}{'step ms':>12}{'state bytes/row':>18}"]
    lines += [
        f"{row['optimizer']:18}{row['table_rows']:12,}{row['update_milliseconds']:12.2f}"
        f"{row['forward_and_update_milliseconds']:12.2f}{row['state_bytes_per_row']:18}"
        for row in result["rows"]
    ]
    return "\n".join([*lines, f"holds: {'yes' if result['holds'] else 'NO'}"])


def _print(result: dict) -> None:
    print(table(result), file=sys.stderr)
    print(json.dumps(result))


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: _print(run(config_from_flags())), argv)


if __name__ == "__main__":
    app.run(main)
