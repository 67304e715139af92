"""Ingest of a large log: time and memory of preparing it, and how fast it is fed, in one JSON line.

    python -m benchmarks.ingest --ingest_interactions=20000000 --ingest_parts=preparation,feeding

Parts: `preparation`, a synthetic skewed log through `pipelines.prepare_data` beside a plain
pyarrow read of the same bytes; `feeding`, shuffled batches of 4,096 ids with the last 50 of
each history beside the training step on the same model and beside a plain pyarrow read of the
same columns; `spark`, by request only, 3 GB of ids that hardly compress through Spark with a
driver of 1 GiB and through DuckDB, which must write the same bytes. Each runs in a process of
its own, whose peak of memory is its own. A readable table goes to stderr.
"""

import dataclasses
import json
import pathlib
import tempfile

from absl import app, flags

from benchmarks import ingest_feeding, ingest_log, ingest_preparation, ingest_spark
from benchmarks import parts as parts_lib
from pipelines import job

# In the order they run: the third needs Java and half an hour.
_PARTS = ("preparation", "feeding", "spark")
_DEFAULT_PARTS = _PARTS[:2]
_FEWEST_INTERACTIONS = 1000
_INTERACTIONS = flags.DEFINE_integer("ingest_interactions", 20_000_000, "Length of the synthetic log.")
_PARTS_FLAG = flags.DEFINE_list("ingest_parts", list(_DEFAULT_PARTS), f"What to measure, of {', '.join(_PARTS)}.")
_DIRECTORY = flags.DEFINE_string(
    "ingest_dir", None, "Where the log and the prepared data are while it runs; by default the system's own place."
)


@dataclasses.dataclass(frozen=True)
class IngestBenchmarkConfig:
    """What is measured.

    Attributes:
      num_interactions: rows of the log, at least 1,000.
      directory: an existing directory for what is written meanwhile; `None` is the system's own for such files.
      parts: names of parts; `feeding` reads what `preparation` has written.
    """

    num_interactions: int = 20_000_000
    directory: str | None = None
    parts: tuple[str, ...] = _DEFAULT_PARTS

    def __post_init__(self) -> None:
        if self.num_interactions < _FEWEST_INTERACTIONS:
            raise job.ConfigError(
                f"--ingest_interactions must be >= {_FEWEST_INTERACTIONS}, but is {self.num_interactions}."
            )
        parts_lib.require_known("ingest_parts", self.parts, _PARTS)
        if "feeding" in self.parts and "preparation" not in self.parts:
            raise job.ConfigError("--ingest_parts=feeding reads what `preparation` has written; name both.")


def config_from_flags() -> IngestBenchmarkConfig:
    """Returns the configuration that the flags describe."""
    return IngestBenchmarkConfig(_INTERACTIONS.value, _DIRECTORY.value, tuple(_PARTS_FLAG.value))


def run(config: IngestBenchmarkConfig) -> dict:
    """Measures the parts, which leave nothing behind; returns the JSON line's object."""
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=config.directory) as directory:
        log, prepared_dir = pathlib.Path(directory, "log.parquet"), pathlib.Path(directory, "prepared")
        if "preparation" in config.parts:
            _write_log(log, config.num_interactions)
        functions = {
            "preparation": lambda: ingest_preparation.beside_a_scan(log, prepared_dir),
            "feeding": lambda: ingest_feeding.beside_the_step(prepared_dir),
            "spark": lambda: ingest_spark.beside_duckdb(directory),
        }
        return parts_lib.measure("ingest", {name: functions[name] for name in _PARTS if name in config.parts})


def _write_log(log: pathlib.Path, num_interactions: int) -> None:
    with job.stage("Writing the synthetic log") as counts:
        counts |= {"interactions": num_interactions, **ingest_log.write_log(log, num_interactions)}


def main(argv: list[str]) -> None:
    """Prints one JSON line, and a table on stderr."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


if __name__ == "__main__":
    app.run(main)
