"""How much the model server answers, in one JSON line.

    python -m benchmarks.serving_load
    python -m benchmarks.serving_load --serving_load_parts=bare

- bare: half_plus_two with 1 and 8 clients over gRPC and REST, beside servers of the same libraries that only echo
  messages of the same sizes: the model server must come to .45 of their requests a second.
- large_index: a ScaNN export of a million candidates: the server must add at most 1 ms to the median in process;
  latencies at 30%, 60% and 90% of the sustained load; with 64 clients batching must answer 1.5 times as many where the
  candidates are searched by brute force, and is told for ScaNN.

Servers and clients are processes of their own on this machine and take its CPUs from each other.
"""

import json
import sys

from absl import app, flags

from benchmarks import parts
from benchmarks.serving_load import bare, large_index
from pipelines import job

_PARTS = flags.DEFINE_list("serving_load_parts", ["bare", "large_index"], "Which parts are measured.")
_SIZE = flags.DEFINE_integer(
    "serving_load_num_candidates", 1_000_000, "Candidates of the large index.", lower_bound=1000
)


def run() -> dict:
    """Measures what the flags name; returns the JSON line's object."""
    functions = {"bare": bare.measure, "large_index": lambda: large_index.measure(_SIZE.value)}
    parts.require_known("serving_load_parts", _PARTS.value, tuple(functions))
    return parts.measure("serving_load", {name: functions[name] for name in _PARTS.value})


def main(argv: list[str]) -> None:
    """Measures, prints the line, and ends with 1 where something does not hold."""
    result: dict = {}
    job.run_main(lambda: result.update(run()), argv)
    print(json.dumps(result))
    sys.exit(0 if result["holds"] else 1)


if __name__ == "__main__":
    app.run(main)
