"""The frequency estimators on streams of known truth, and what they cost, in one JSON line.

    python -m benchmarks.frequency --parts=paper,switch

Parts: `paper`, the figures of the paper's simulation (Yi et al., RecSys 2019, sec. 6.1),
reproduced; `switch`, default against retuned paper in it; `streams`, the one default
setting against the best of a grid of the paper's in six streams; `large_batch`, ids
that repeat in a batch; `many_ids`, ten million of them; `cost`, time and bytes. Both
estimators are the product's layer throughout. A readable table goes to stderr.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping

from absl import app, flags

from benchmarks import frequency_accuracy, frequency_cost
from benchmarks import parts as parts_lib
from pipelines import job

_PARTS: Mapping[str, Callable[[frequency_accuracy.Sizes], dict]] = {
    "paper": frequency_accuracy.paper_reproduction,
    "switch": frequency_accuracy.switch,
    "streams": frequency_accuracy.six_streams,
    "large_batch": frequency_accuracy.large_batch,
    "many_ids": frequency_accuracy.many_ids,
    "cost": lambda sizes: frequency_cost.share_of_a_step(sizes.batch_size),
}
_PARTS_FLAG = flags.DEFINE_list("parts", list(_PARTS), "What to measure.")


@dataclasses.dataclass(frozen=True)
class FrequencyBenchmarkConfig:
    """What is measured.

    Attributes:
      parts: names of parts, in the order they run.
      sizes: how much each simulates.
    """

    parts: tuple[str, ...] = tuple(_PARTS)
    sizes: frequency_accuracy.Sizes = dataclasses.field(default_factory=frequency_accuracy.Sizes)

    def __post_init__(self) -> None:
        parts_lib.require_known("parts", self.parts, tuple(_PARTS))


def config_from_flags() -> FrequencyBenchmarkConfig:
    """Returns the configuration that the flags describe."""
    return FrequencyBenchmarkConfig(tuple(_PARTS_FLAG.value))


def run(config: FrequencyBenchmarkConfig) -> dict:
    """Measures the parts; returns the JSON line's object."""
    functions = {name: functools.partial(_PARTS[name], config.sizes) for name in config.parts}
    return parts_lib.measure("frequency", functions)


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


if __name__ == "__main__":
    app.run(main)
