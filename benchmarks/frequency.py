"""The frequency estimators on streams of known truth, and what they cost, in one JSON line.

    python -m benchmarks.frequency --parts=paper,switch

Parts: `paper`, the figures of the paper's simulation (Yi et al., RecSys 2019, sec. 6.1),
reproduced; `switch`, default against retuned paper in it; `streams`, the one default
setting against the best of a grid of the paper's in six streams; `large_batch`, ids
that repeat in a batch; `many_ids`, ten million of them; `cost`, time and bytes. Both
estimators are the product's layer throughout. A readable table goes to stderr.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping

from absl import app, flags

from benchmarks import frequency_accuracy, frequency_cost, readable
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
        if unknown := sorted(set(self.parts) - set(_PARTS)):
            raise job.ConfigError(f"--parts must be some of {', '.join(_PARTS)}, but {unknown[0]!r} is among them.")


def config_from_flags() -> FrequencyBenchmarkConfig:
    """Returns the configuration that the flags describe."""
    return FrequencyBenchmarkConfig(tuple(_PARTS_FLAG.value))


def run(config: FrequencyBenchmarkConfig) -> dict:
    """Measures the parts; returns the JSON line's object."""
    result: dict = {"benchmark": "frequency", "seconds": {}}
    for name in config.parts:
        started = time.monotonic()
        with job.stage(f"Measuring {name}"):
            result[name] = _PARTS[name](config.sizes)
        result["seconds"][name] = round(time.monotonic() - started, 1)
    return {**result, "holds": all(result[name]["holds"] for name in config.parts)}


def _print(result: dict) -> None:
    print(readable.table(result, tuple(_PARTS)), file=sys.stderr)
    print(json.dumps(result))


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: _print(run(config_from_flags())), argv)


if __name__ == "__main__":
    app.run(main)
