"""What the indexes cost and find, in one JSON line.

    python -m benchmarks.index
    python -m benchmarks.index --index_parts=search --index_corpora=glove --index_searchers=scann,faiss
    python -m benchmarks.index --index_parts=sizes --index_sizes=5000000 --index_kinds=scann,partitioned

Corpora: `fitted`, a million unit vectors of 64 dimensions drawn from a distribution fitted to a trained two-tower
model, popularity skewed and a twentieth copies; `glove`, 341,479 word vectors of 100 dimensions from the npm registry.

- search: the search itself on one thread: ScaNN with this project's parameters, faiss and hnswlib, at
  index_recall@10 of .90, .95 and .99. ScaNN must be ahead of both at .95.
- served: single queries and batches of 64 through SavedModels: `scann` must add at most .1 ms to the Python searcher
  and an identity signature, both as the server runs them (through `tf.saved_model.load` is told beside it);
  `partitioned` must take at most a tenth of the exact index for one query, an eighth for a batch, and 1.1 times the
  memory of the vectors (.55 with float16); both find .95.
- restricted: filters, exclusions and deep answers: every answer right and allowed, .95 of the exact ones found.
- precomputed: an answer from a precomputed query embedding must be faster than one through the tower.
- sizes: building, exporting, loading and asking each kind of index over corpora of several sizes, each in a process
  of its own; all find .95.
"""

import json
import pathlib
import sys

from absl import app, flags

from benchmarks import parts
from benchmarks.index import corpora, exports, precomputed, restricted, search, searchers, served, sizes
from pipelines import job

_NAMES = ("search", "served", "restricted", "precomputed", "sizes")
_PARTS = flags.DEFINE_list("index_parts", list(_NAMES), "Which parts are measured.")
_CORPORA = flags.DEFINE_list("index_corpora", ["fitted", "glove"], "Which corpora are searched.")
_SEARCHERS = flags.DEFINE_list("index_searchers", list(searchers.SEARCHERS), "Which libraries are compared.")
_SIZE = flags.DEFINE_integer("index_num_candidates", 1_000_000, "Candidates of the fitted corpus.", lower_bound=1000)
_SIZES = flags.DEFINE_list("index_sizes", ["10000", "100000", "1000000", "4000000"], "Corpora of the part `sizes`.")
_KINDS = flags.DEFINE_list("index_kinds", list(exports.KINDS), "Kinds of index of the part `sizes`.")
_WORK_DIR = flags.DEFINE_string("index_work_dir", "benchmark_runs/index", "Where fetched vectors are kept.")


def run() -> dict:
    """Measures what the flags name; returns the JSON line's object."""
    parts.require_known("index_parts", _PARTS.value, _NAMES)
    parts.require_known("index_corpora", _CORPORA.value, ("fitted", "glove"))
    parts.require_known("index_searchers", _SEARCHERS.value, tuple(searchers.SEARCHERS))
    parts.require_known("index_kinds", _KINDS.value, exports.KINDS)
    if wrong := [each for each in _SIZES.value if not each.isdecimal() or int(each) < 1000]:
        raise job.ConfigError(f"--index_sizes must be whole numbers from 1000, but {wrong[0]!r} is among them.")
    functions = {}
    for name in _CORPORA.value if {"search", "served", "restricted"} & set(_PARTS.value) else ():
        with job.stage(f"Making {name}") as counts:
            corpus = corpora.fitted(_SIZE.value) if name == "fitted" else corpora.glove(pathlib.Path(_WORK_DIR.value))
            counts.update(candidates=len(corpus.vectors))
        if "search" in _PARTS.value:
            functions[f"search_{name}"] = lambda corpus=corpus: search.measure(corpus, _SEARCHERS.value)
        if name == "fitted":
            of_fitted = {"served": served.measure, "restricted": restricted.measure}
            functions |= {
                part: lambda corpus=corpus, measure=measure: measure(corpus)
                for part, measure in of_fitted.items()
                if part in _PARTS.value
            }
    if "precomputed" in _PARTS.value:
        functions["precomputed"] = precomputed.measure
    if "sizes" in _PARTS.value:
        functions["sizes"] = lambda: sizes.measure([int(each) for each in _SIZES.value], _KINDS.value)
    return parts.measure("index", functions)


def main(argv: list[str]) -> None:
    """Measures, prints the line, and ends with 1 where something does not hold."""
    result: dict = {}
    job.run_main(lambda: result.update(run()), argv)
    print(json.dumps(result))
    sys.exit(0 if result["holds"] else 1)


if __name__ == "__main__":
    app.run(main)
