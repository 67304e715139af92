"""Fills a table of weighted matrix factorisation (WALS) against the softmax DNN, in one JSON line.

    python -m benchmarks.course_table
    python -m benchmarks.course_table --course_table_parts=scale --course_table_sizes=10000,50000

The rows are those of Google's course "Recommendation Systems" (2020, "Softmax Training"), which answers them in words:

- folding: foreign share in the top 10 on planted groups that never occur together, by `pipelines.study_folding`, with
  nothing against it, with the unobserved weight, and with the softmax over all candidates.
- cold_start: the same share for queries that training knew, for new ones with a history and for new ones of which
  nothing but a feature is known; and how often candidates that training never saw are among the answers, over how
  often they would be if all candidates of a group were alike. Beside it the two-tower model with features of both.
- scale: seconds of one pass over 200,000 interactions, memory above what the process held before, bytes of the model
  and milliseconds until a query has its embedding, by number of candidates, each in a process of its own.

Not measured: what features add on real data, a cluster of machines (the factorisation's halves part by rows, the
softmax by replicas), and the index: both answer by inner products of vectors of one width, so the same one serves
them, whose figures are those of `python -m benchmarks.index`. What candidates that training never saw are worth on real
data is `python -m benchmarks.cold_start`. A part holds if what the table in docs/folding.md says of it does.
"""

import json

from absl import app, flags

from benchmarks import parts
from benchmarks.course_table import cold_start, folding, scale
from pipelines import job

_NAMES = ("folding", "cold_start", "scale")
_PARTS = flags.DEFINE_list("course_table_parts", list(_NAMES), "Which parts are measured.")
_SIZES = flags.DEFINE_list("course_table_sizes", ["10000", "50000"], "Two numbers of candidates, rising.")


def run() -> dict:
    """Measures what the flags name; returns the JSON line's object."""
    parts.require_known("course_table_parts", _PARTS.value, _NAMES)
    if len(_SIZES.value) != 2 or not all(each.isdecimal() and int(each) >= 1000 for each in _SIZES.value):
        raise job.ConfigError(f"--course_table_sizes must be two whole numbers from 1000, but are {_SIZES.value}.")
    small, large = map(int, _SIZES.value)
    measures = {
        "folding": folding.measure,
        "cold_start": cold_start.measure,
        "scale": lambda: scale.measure(small, large),
    }
    return parts.measure("course_table", {name: measures[name] for name in _NAMES if name in _PARTS.value})


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: print(json.dumps(run())), argv)


if __name__ == "__main__":
    app.run(main)
