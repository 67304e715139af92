"""Ranking quality on a public data set, with ablations and baselines in the same run, in one JSON line.

    python -m benchmarks.quality --dataset=ml100k
    python -m benchmarks.quality --dataset=gowalla --gowalla_path=gowalla.parquet
    python -m benchmarks.quality --dataset=ml1m --ml1m_dir=FOLDER --variants=all
    python -m benchmarks.quality --dataset=completejourney

Protocols; the frequencies are those of the stream throughout, but for the ablation `exact_counts`:

- ml100k: every rating is a positive; per query, ordered by time (ties as in the file), the last interaction is test,
  the one before validation, the rest train. The model is fitted on train, validation picks the epoch. Each held-out
  interaction is asked with what is strictly earlier; the full corpus is ranked but for what the query chose in
  earlier splits. Beside it, as `ties_as_in_file`, the same model asked with all that stands before it in the file, as
  sequential papers do.
- gowalla, ml1m: the papers' split and the given one. The model that is asked for test is fitted on train and
  validation (for Gowalla the end of what each user has in the papers' train, to which test is nearest), for as many
  epochs as the configuration says. Each query is asked once for all it chose in the split; all candidates of train
  are ranked but its own; what is held out and not in train is missed. Means over queries, the ideal DCG over
  min(20, targets). Gowalla has no times, so histories are sets, as for the papers' models; encoders
  of sequences take the order of a user's rows for times.
- completejourney: the last 28 days are test, the 28 before them validation; asked as the two above for products that
  are new to a household, and apart, as `again`, for those it bought before, with nothing excluded. A purchase weighs
  half as much for each 28 days that it is older.

The default is trained with every seed, ablations with one. Figures are medians; `range` is from lowest to highest.
`--quality_split=validation` fits on train, asks validation and never sees test: with it any training option may be
given as a flag or by --config, above the shipped configuration. Each look at the test split adds a line to
`benchmarks/test_split_ledger.jsonl` before it is taken. Finished runs are kept and not repeated while code, options
and data stay the same; an interrupted training goes on. The quick start, which reports the test split of MovieLens-100K
to its user, is not counted.
"""

import json
import sys
import time

from absl import app, flags

from benchmarks import data_flags
from benchmarks.quality import datasets, measurement, sources, variants
from pipelines import job, training_flags

_NAMES = ", ".join(variants.names_of(datasets.DATASETS["ml1m"]))
_DATASET = flags.DEFINE_enum("dataset", "ml100k", sorted(datasets.DATASETS), "Which data set.")
_WORK_DIR = flags.DEFINE_string("work_dir", "benchmark_runs", "Directory for data and models; kept between runs.")
_SPLIT = flags.DEFINE_enum("quality_split", "test", ("validation", "test"), "Which split is asked.")
_VARIANTS = flags.DEFINE_list("variants", ["default", "uncorrected"], f"What is trained: all, or some of {_NAMES}.")
_NUM_SEEDS = flags.DEFINE_integer(
    "num_seeds", None, "Seeds of the default, from 0; 1 of gowalla, 3 of others.", lower_bound=1
)
_BASELINES = flags.DEFINE_bool("baselines", True, "Whether the baselines are asked.")
flags.declare_key_flag(data_flags.GOWALLA_PATH.name)
flags.declare_key_flag(data_flags.ML1M_DIR.name)
flags.declare_key_flag(data_flags.COMPLETE_JOURNEY_DIR.name)


def config_from_flags() -> measurement.QualityConfig:
    """Returns the configuration that the flags describe."""
    return measurement.QualityConfig(
        dataset=_DATASET.value,
        work_dir=_WORK_DIR.value,
        split=_SPLIT.value,
        variants=tuple(_VARIANTS.value),
        num_seeds=_NUM_SEEDS.value,
        with_baselines=_BASELINES.value,
        options=training_flags.options_from_file_and_flags(),
        sources=sources.Sources(
            data_flags.GOWALLA_PATH.value, data_flags.ML1M_DIR.value, data_flags.COMPLETE_JOURNEY_DIR.value
        ),
    )


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""

    def measure() -> None:
        started = time.monotonic()
        result = measurement.run(config_from_flags())
        result["seconds"] = round(time.monotonic() - started, 1)
        print(measurement.table(result), file=sys.stderr)
        print(json.dumps(result))

    job.run_main(measure, argv)


if __name__ == "__main__":
    app.run(main)
