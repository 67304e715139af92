"""What a training step costs: the loss alone and the whole step beside TFRS, and how it grows, in one JSON line.

    python -m benchmarks.train_step --step_parts=loss,large_batch,fit,growth

Parts: `loss`, loss and gradients of a batch beside TFRS's `Retrieval` and beside the three
matrix products that any batch softmax needs; `large_batch`, peak memory with everything
switched on; `fit`, steps of Keras `fit` on tables of ids beside the model of TFRS's
tutorial; `growth`, cost against batch size, width and table size. What is compared runs in
turns in one process, so that a busy machine slows all alike, and medians are taken. A
readable table goes to stderr.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping

from absl import app, flags

from benchmarks import large_batch, step_growth, step_loss
from benchmarks import parts as parts_lib
from pipelines import job

_PARTS: Mapping[str, Callable[[], dict]] = {
    "loss": step_loss.beside_tfrs,
    "large_batch": large_batch.peak_memory,
    "fit": step_growth.fit_beside_tutorial,
    "growth": step_growth.growth,
}
_PARTS_FLAG = flags.DEFINE_list("step_parts", list(_PARTS), "What to measure.")


@dataclasses.dataclass(frozen=True)
class TrainStepBenchmarkConfig:
    """What is measured.

    Attributes:
      parts: names of parts, in the order they run.
    """

    parts: tuple[str, ...] = tuple(_PARTS)

    def __post_init__(self) -> None:
        parts_lib.require_known("step_parts", self.parts, tuple(_PARTS))


def config_from_flags() -> TrainStepBenchmarkConfig:
    """Returns the configuration that the flags describe."""
    return TrainStepBenchmarkConfig(tuple(_PARTS_FLAG.value))


def run(config: TrainStepBenchmarkConfig) -> dict:
    """Measures the parts; returns the JSON line's object."""
    return parts_lib.measure("train_step", {name: _PARTS[name] for name in config.parts})


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


if __name__ == "__main__":
    app.run(main)
