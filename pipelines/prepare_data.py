"""Prepares an interaction log for training: checks it, splits it, writes tables, vocabularies and a manifest.

    python -m pipelines.prepare_data --interactions=ratings.csv --candidates=films.csv \\
        --query_id_column=user --candidate_id_column=film --timestamp_column=rated_at --prepared_dir=prepared

Run again with the same files and options it finds its own result and keeps it, and goes on where it was interrupted.
"""

import dataclasses
import pathlib
import re

from absl import app, flags, logging

from pipelines import common_flags, job, publishing
from pipelines.preparation import interactions, splits
from pipelines.preparation import manifest as manifest_lib
from pipelines.preparation.build import BuildOptions, build_tables
from pipelines.preparation.engines import ENGINES, EngineOptions
from pipelines.preparation.errors import EngineStoppedError
from pipelines.preparation.sources import Source, find_source, identify
from tfrs_model import schema as schema_lib

_STATISTICS_CHOICES = ("train", "train,validation")

flags.declare_key_flag("prepared_dir")
_INTERACTIONS = flags.DEFINE_string(
    "interactions",
    None,
    "Interaction log: Parquet, CSV, JSON lines or TFRecord of tf.Example; a path, a glob, or several with commas "
    "between.",
)
flags.declare_key_flag("candidates")
_QUERIES = flags.DEFINE_string("queries", None, "Query table, optional: features of queries.")
_SCHEMA = flags.DEFINE_string("schema", None, "Schema file (JSON). The column flags below override it.")
_COLUMNS = {
    "query_id": flags.DEFINE_string("query_id_column", None, "Column of who or what asks."),
    "candidate_id": flags.DEFINE_string("candidate_id_column", None, "Column of what was chosen."),
    "timestamp": flags.DEFINE_string("timestamp_column", None, "Column of when; empty for a log without time."),
    "timestamp_unit": flags.DEFINE_enum(
        "timestamp_unit", None, schema_lib.TIMESTAMP_UNITS, "Unit of a numeric timestamp, counted from 1970 UTC."
    ),
    "weight": flags.DEFINE_string("weight_column", None, "Column of the reward, finite and >= 0."),
    "weight_divisor": flags.DEFINE_string(
        "weight_divisor_column", None, "Column that the reward is divided by, such as the length of what was watched."
    ),
    "minimum_weight": flags.DEFINE_float(
        "minimum_weight", None, "Interactions of less reward are no positives and left out, and counted."
    ),
    "split": flags.DEFINE_string("split_column", None, "Column of train, validation or test."),
    "tie_break": flags.DEFINE_string("tie_break_column", None, "Integer column that orders simultaneous interactions."),
}
_SPLIT = flags.DEFINE_enum(
    "split",
    None,
    splits.SPLIT_METHODS,
    "How held-out interactions are chosen; by default `given` if there is a split column, else `leave_last_out`. With "
    "`none` all of them train.",
)
_VALIDATION_FRACTION = flags.DEFINE_float("validation_fraction", 0.1, "Share of rows, for --split=global_time.")
_TEST_FRACTION = flags.DEFINE_float("test_fraction", 0.1, "Share of rows, for --split=global_time.")
_MIN_COUNT = flags.DEFINE_integer(
    "min_count", 1, "Training interactions a value needs to be in a vocabulary; rarer ones share buckets."
)
_STATISTICS_SPLITS = flags.DEFINE_enum(
    "statistics_splits",
    "train",
    _STATISTICS_CHOICES,
    "Splits that vocabularies and statistics are made of; with validation too for a last fit after all choices.",
)
_MAX_REJECTED_FRACTION = flags.DEFINE_float(
    "max_rejected_fraction", 0.01, "Share of interactions that may be refused before the job fails; duplicates are not."
)
_DAY_PARTITIONS = flags.DEFINE_boolean(
    "day_partitions", False, "Also write the interactions day by day, as days/date=YYYY-MM-DD, in UTC."
)
_CSV_DELIMITER = flags.DEFINE_string("csv_delimiter", ",", "Between CSV fields; `tab` for a tabulator.")
_ENGINE = flags.DEFINE_enum("engine", "duckdb", ENGINES, "What prepares; the tables are the same bytes.")
_ENGINE_MEMORY_LIMIT = flags.DEFINE_string(
    "engine_memory_limit",
    None,
    "Such as 2GB; beyond it rows spill to disk. By default 750 MB for each core, and at least 1.5 GB. On Spark that "
    "of the driver, by default half of the memory.",
)
_SPARK_MASTER = flags.DEFINE_string(
    "spark_master",
    "local[*]",
    "For --engine=spark: Spark's master; a cluster must share the file system of --prepared_dir and the sources.",
)


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """What the job reads, how it splits and where it publishes.

    Attributes:
      interactions: files or globs of the log.
      prepared_dir: directory to publish; replaced as a whole.
      schema: columns and features.
      candidates: files or globs of the candidate table, or `None`.
      queries: files or globs of the query table, or `None`.
      split: one of `splits.SPLIT_METHODS`; `None` is `given` if the schema names a split column, else `leave_last_out`.
      validation_fraction: share of rows in [0, 1), for `global_time`.
      test_fraction: share of rows in [0, 1), for `global_time`.
      min_count: training interactions that a vocabulary value needs, >= 1.
      statistics_splits: `train` or `train,validation`, the splits that vocabularies and statistics are made of.
      max_rejected_fraction: share of refused interactions in [0, 1] above which the job fails.
      day_partitions: whether the interactions are also written day by day; needs timestamps.
      csv_delimiter: one character.
      engine: one of `engines.ENGINES`.
      engine_memory_limit: such as `2GB`, or `None`.
      spark_master: address of Spark's master.
    """

    interactions: str
    prepared_dir: str
    schema: schema_lib.Schema = dataclasses.field(default_factory=schema_lib.Schema)
    candidates: str | None = None
    queries: str | None = None
    split: str | None = None
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    min_count: int = 1
    statistics_splits: str = "train"
    max_rejected_fraction: float = 0.01
    day_partitions: bool = False
    csv_delimiter: str = ","
    engine: str = "duckdb"
    engine_memory_limit: str | None = None
    spark_master: str = "local[*]"

    def __post_init__(self) -> None:
        roles = self.schema.interactions
        if self.split is None:
            object.__setattr__(self, "split", "given" if roles.split else "leave_last_out")
        for flag in ("interactions", "prepared_dir"):
            _require(bool(getattr(self, flag)), f"--{flag} must be given.")
        _require(
            self.split in splits.SPLIT_METHODS,
            f"--split must be one of {', '.join(splits.SPLIT_METHODS)}, but is {self.split!r}.",
        )
        _require(
            self.split != "given" or roles.split is not None,
            "--split=given needs a split column; name it with --split_column.",
        )
        _require(
            self.split in ("given", "none") or roles.timestamp is not None,
            f"--split={self.split} needs timestamps; name their column with --timestamp_column, or use --split=given.",
        )
        _require(
            not self.day_partitions or roles.timestamp is not None,
            "--day_partitions needs timestamps; name their column with --timestamp_column.",
        )
        self._check_ranges()
        self._check_feature_tables()

    def _check_ranges(self) -> None:
        for flag in ("validation_fraction", "test_fraction"):
            value = getattr(self, flag)
            _require(0.0 <= value < 1.0, f"--{flag} must be in [0, 1), but is {value}.")
        held_out = self.validation_fraction + self.test_fraction
        _require(
            0.0 < held_out < 1.0 or self.split != "global_time",
            f"--validation_fraction plus --test_fraction must be above 0 and below 1, but is {held_out:g}.",
        )
        _require(
            self.statistics_splits in _STATISTICS_CHOICES,
            f"--statistics_splits must be {' or '.join(_STATISTICS_CHOICES)}, but is {self.statistics_splits!r}.",
        )
        _require(self.min_count >= 1, f"--min_count must be >= 1, but is {self.min_count}.")
        _require(
            0.0 <= self.max_rejected_fraction <= 1.0,
            f"--max_rejected_fraction must be in [0, 1], but is {self.max_rejected_fraction}.",
        )
        _require(
            len(self.csv_delimiter) == 1 and self.csv_delimiter not in '"\r\n',
            f"--csv_delimiter must be one character, no quote and no line end, but is {self.csv_delimiter!r}.",
        )
        _require(self.engine in ENGINES, f"--engine must be one of {', '.join(ENGINES)}, but is {self.engine!r}.")
        limit = self.engine_memory_limit
        _require(
            limit is None or re.fullmatch(r"[0-9]+ ?([KMGT]i?)?B", limit) is not None,
            f"--engine_memory_limit must be a size such as 2GB, but is {limit!r}.",
        )

    def _check_feature_tables(self) -> None:
        for flag, table, named in (
            ("candidates", self.candidates, [each.name for each in self.schema.candidate_features]),
            ("queries", self.queries, [each.name for each in self.schema.query_features]),
        ):
            _require(
                bool(table) or not named,
                f"The schema has features {', '.join(named)} that are read from a table; name it with --{flag}.",
            )
        _require(
            bool(self.candidates) or self.schema.title is None,
            f"The schema's title column {self.schema.title!r} is in a candidate table; name it with --candidates.",
        )


@dataclasses.dataclass(frozen=True)
class PrepareResult:
    """What was published.

    Attributes:
      manifest: the manifest's content.
      reused: whether an equal result was there already.
    """

    manifest: dict
    reused: bool


def config_from_flags(**chosen: object) -> PrepareConfig:
    """Returns the configuration that the command line asks for, but for what a job that calls this one has chosen."""
    schema = schema_lib.read_schema(_SCHEMA.value) if _SCHEMA.value else schema_lib.Schema()
    # An empty flag takes a role away, such as the time of a log without time.
    overrides = {role: flag.value or None for role, flag in _COLUMNS.items() if flag.value is not None}
    roles = dataclasses.replace(schema.interactions, **overrides)
    options = {
        "interactions": _INTERACTIONS.value,
        "prepared_dir": common_flags.PREPARED_DIR.value,
        "schema": dataclasses.replace(schema, interactions=roles),
        "candidates": common_flags.CANDIDATES.value,
        "queries": _QUERIES.value,
        "split": _SPLIT.value,
        "validation_fraction": _VALIDATION_FRACTION.value,
        "test_fraction": _TEST_FRACTION.value,
        "min_count": _MIN_COUNT.value,
        "statistics_splits": _STATISTICS_SPLITS.value,
        "max_rejected_fraction": _MAX_REJECTED_FRACTION.value,
        "day_partitions": _DAY_PARTITIONS.value,
        "csv_delimiter": "\t" if _CSV_DELIMITER.value == "tab" else _CSV_DELIMITER.value,
        "engine": _ENGINE.value,
        "engine_memory_limit": _ENGINE_MEMORY_LIMIT.value,
        "spark_master": _SPARK_MASTER.value,
    }
    return PrepareConfig(**options | chosen)


def run(config: PrepareConfig) -> PrepareResult:
    """Prepares the log, or finds that it is prepared already.

    Nothing at `prepared_dir` changes unless everything succeeds.

    Raises:
      PreparationError: if a source or option cannot be used; the sentence says which and how to mend it.
      ArtifactError: if `prepared_dir` is a file, or another run is preparing the same there.
    """
    target = pathlib.Path(config.prepared_dir)
    sources = _find_sources(config)
    manifest_lib.refuse_to_replace(target, [path for source in sources.values() for path in source.paths])
    with job.stage("Checking the source files") as counts:
        identities = [identity for source in sources.values() for identity in identify(source)]
        counts |= {"files": len(identities), "bytes": sum(identity["bytes"] for identity in identities)}
    options = BuildOptions(**{field.name: getattr(config, field.name) for field in dataclasses.fields(BuildOptions)})
    configuration = dataclasses.asdict(options) | {"csv_delimiter": config.csv_delimiter}
    key = manifest_lib.identity(config.schema, configuration, identities)
    publishing.sweep(target, key)
    published = manifest_lib.find_reusable(target, config.schema, configuration, identities)
    if published is not None:
        logging.info("%s was made from the same files with the same options; it is reused.", target)
        return PrepareResult(published, reused=True)
    with publishing.resume_directory(target, key, keeps=(EngineStoppedError,)) as unfinished:
        engine = EngineOptions(config.engine, config.engine_memory_limit, config.spark_master)
        content = build_tables(sources, config.schema, options, unfinished, engine)
        manifest = manifest_lib.write_manifest(unfinished.content, config.schema, configuration, identities, content)
    lost = [manifest[name] or "nothing" for name in ("drops", "removed_values")]
    logging.info("Published %s; dropped by reason: %s; removed from lists: %s", target, *lost)
    return PrepareResult(manifest, reused=False)


def _find_sources(config: PrepareConfig) -> dict[str, Source]:
    patterns = {"candidates": config.candidates, "queries": config.queries, "interactions": config.interactions}
    of_log = config.schema.interactions, config.split == "given", config.schema.context_features
    # What the files of a log need alike.
    columns = {"interactions": interactions.columns_read(*of_log)}
    given = {role: each for role, each in patterns.items() if each}
    return {role: find_source(role, each, config.csv_delimiter, columns.get(role)) for role, each in given.items()}


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise job.ConfigError(sentence)


def main(argv: list[str]) -> None:
    """Runs the job with the command line's flags."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required([_INTERACTIONS.name, common_flags.PREPARED_DIR.name])
    app.run(main)


if __name__ == "__main__":
    console_main()
