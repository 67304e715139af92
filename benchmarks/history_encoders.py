"""What a history encoder costs in training, by the length of the history, in one JSON line.

    python -m benchmarks.history_encoders --lengths=10,50,200

Each encoder is trained in two ways: by the last state of each row alone, and by the
states of every position. Time is that of forward and backward to embeddings and weights in a
compiled graph with deterministic ops, a median, each encoder in a process of its own, so that
the peak of memory is its own; what the process held before the first step is taken off. A batch
has 1024 rows, or fewer where those would be more than 25600 positions.
Beside them stand two limits measured in the same way: `one_pass`, which reads the embeddings
and writes their sum, or as many states, so that no encoder can be faster; and
`attention_products`, the bare matrix products of self-attention with their gradients, without
softmax, norms, biases or packing. A tenth of the positions, at random, is absent. A table goes
to stderr.

It holds if self-attention without time gaps takes at most three times as long as its products
at every length, every position trained.
"""

import dataclasses
import functools
import json
from collections.abc import Callable

from absl import app, flags

from benchmarks import history_encoder_step, own_process
from benchmarks import parts as parts_lib
from pipelines import job

_ALLOWED_TIMES = 3.0
_MODULE = "benchmarks.history_encoder_step"

_LENGTHS = flags.DEFINE_list("lengths", ["10", "50", "200"], "Lengths of the histories.")
_MAX_ROWS = flags.DEFINE_integer("max_rows", 1024, "Rows of a batch, where the length allows.")
_NUM_REPEATS = flags.DEFINE_integer("num_encoder_repeats", 7, "Timed steps, of which the median counts.")


@dataclasses.dataclass(frozen=True)
class HistoryEncodersConfig:
    """What is measured.

    Attributes:
      lengths: of the histories.
      max_rows: of a batch.
      max_positions: rows times length of a batch, at most; fewer rows where the histories are long.
      num_repeats: timed steps.
    """

    lengths: tuple[int, ...] = (10, 50, 200)
    max_rows: int = 1024
    max_positions: int = 25_600
    num_repeats: int = 7

    def __post_init__(self) -> None:
        for name, value in (
            *(("lengths", length) for length in self.lengths),
            ("max_rows", self.max_rows),
            ("num_encoder_repeats", self.num_repeats),
        ):
            if value < 1:
                raise job.ConfigError(f"--{name} must be >= 1, but is {value}.")

    def num_rows(self, length: int) -> int:
        """Returns the rows of a batch of histories this long."""
        return max(1, min(self.max_rows, self.max_positions // length))


def config_from_flags() -> HistoryEncodersConfig:
    """Returns the configuration that the flags describe."""
    try:
        lengths = tuple(int(length) for length in _LENGTHS.value)
    except ValueError as error:
        raise job.ConfigError(f"--lengths must be whole numbers, but are {_LENGTHS.value}.") from error
    return HistoryEncodersConfig(lengths, _MAX_ROWS.value, num_repeats=_NUM_REPEATS.value)


def run(config: HistoryEncodersConfig, measure: Callable = own_process.measure) -> dict:
    """Measures every encoder at every length; returns the JSON line's object."""
    functions = {
        f"length_{length}": functools.partial(_at_length, config, length, measure) for length in config.lengths
    }
    return {**parts_lib.measure("history_encoders", functions), "limit_of_times": _ALLOWED_TIMES}


def _at_length(config: HistoryEncodersConfig, length: int, measure: Callable) -> dict:
    num_rows = config.num_rows(length)
    rows = []
    for name in history_encoder_step.NAMES:
        for trained in history_encoder_step.TRAINED:
            measured = measure(_MODULE, name, trained, num_rows, length, config.num_repeats)
            rows.append(
                {
                    "encoder": name,
                    "trained": trained,
                    "examples_per_second": round(num_rows / measured["seconds"]),
                    "positions_per_second": round(num_rows * length / measured["seconds"]),
                    "milliseconds": 1e3 * measured["seconds"],
                    "peak_megabytes": round((measured["peak_bytes"] - measured["bytes_before"]) / 1e6),
                }
            )
    times = _times_the_products(rows)
    return {"num_rows": num_rows, "rows": rows, "times_the_products": times, "holds": times <= _ALLOWED_TIMES}


def _times_the_products(rows: list[dict]) -> float:
    milliseconds = {row["encoder"]: row["milliseconds"] for row in rows if row["trained"] == "every_position"}
    return milliseconds["self_attention"] / milliseconds["attention_products"]


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


if __name__ == "__main__":
    app.run(main)
