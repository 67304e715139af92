"""Answers all queries at once from an exported version, and writes the answers as Parquet.

    python -m pipelines.recommend --version_dir=served/movielens/1 --prepared_dir=prepared --answers_dir=answers
    python -m pipelines.recommend --version_dir=served/movielens/1 --query_files='queries/*.parquet' \\
        --answers_dir=answers

The queries are those of a prepared log, each as it stands at the log's end, or rows of Parquet files: `query_id`, and a
column for each input of the served signature that is known. A query is not answered with what is in its history
(`--noexclude_history` to allow it), in its column `exclude_candidate_ids`, or in the pairs of `--exclusion_files`.
Each shard holds `query_id`, `candidate_ids` and `scores`, best first, and appears by one rename. An answer is shorter
than k only where no more candidates may be answered; how many are is said. A run that is repeated goes on with the
shards that are missing. `--num_shards=8 --shard=0 --shard=1` makes two of eight, so that several machines can share
the work. The last line is a JSON object.
"""

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import tqdm
from absl import app, flags, logging

from pipelines import common_flags, job, prepared_data, progress
from pipelines.bulk import answering, batches, beside, exclusion_files, query_sources, shards
from serving import bulk_retrieval

_QUERIES_PER_SHARD = 100_000

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("version_dir")
_QUERY_FILES = flags.DEFINE_string("query_files", "", "Parquet files of queries, in place of --prepared_dir.")
_EXCLUSION_FILES = flags.DEFINE_string(
    "exclusion_files", "", "Parquet files of pairs, `query_id` and `candidate_id`, that are not to be answered."
)
_EXCLUDE_HISTORY = flags.DEFINE_bool("exclude_history", True, "Whether what is in a query's history is not answered.")
_ANSWERS_DIR = flags.DEFINE_string("answers_dir", None, "Folder to write.")
_NUM_ANSWERS = flags.DEFINE_integer("num_answers", None, "Candidates for each query; by default the export's --k.")
_NUM_SHARDS = flags.DEFINE_integer(
    "num_shards", None, f"Files to write; by default one for each {_QUERIES_PER_SHARD:,} queries."
)
_SHARDS = flags.DEFINE_multi_integer("shard", [], "Shards that this run makes, from 0; may be repeated; default all.")
_BATCH_SIZE = flags.DEFINE_integer("queries_per_batch", 2048, "Queries that are asked at once.")


@dataclasses.dataclass(frozen=True)
class RecommendConfig:
    """What the job reads and writes.

    Attributes:
      version_dir: the folder of an exported version.
      answers_dir: folder to write.
      prepared_dir: prepared data whose queries ask, or empty.
      query_files: files or globs of queries, or empty; one of the two must be given.
      exclusion_files: files or globs of pairs that are not to be answered, or empty.
      exclude_history: whether what is in a query's history is not answered.
      num_answers: candidates for each query, from 1 to the export's `max_k`; `None` is the export's k.
      num_shards: files to write, >= 1; `None` is one for each 100,000 queries.
      shards: which of them this run makes; empty for all.
      batch_size: queries that are asked at once, >= 1.
    """

    version_dir: str
    answers_dir: str
    prepared_dir: str = ""
    query_files: str = ""
    exclusion_files: str = ""
    exclude_history: bool = True
    num_answers: int | None = None
    num_shards: int | None = None
    shards: tuple[int, ...] = ()
    batch_size: int = 2048

    def __post_init__(self) -> None:
        for name in ("version_dir", "answers_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if bool(self.prepared_dir) == bool(self.query_files):
            raise job.ConfigError(
                f"One of --prepared_dir and --query_files must say where the queries are, but they are "
                f"{self.prepared_dir!r} and {self.query_files!r}."
            )
        for name, value in (
            ("num_answers", self.num_answers),
            ("num_shards", self.num_shards),
            ("queries_per_batch", self.batch_size),
        ):
            if value is not None and value < 1:
                raise job.ConfigError(f"--{name} must be >= 1, but is {value}.")
        if self.shards and self.num_shards is None:
            raise job.ConfigError("--shard names some of --num_shards, which must be given with it, but is not.")
        if wrong := [each for each in self.shards if not 0 <= each < self.num_shards]:
            raise job.ConfigError(f"--shard must be in [0, {self.num_shards}), but is {wrong[0]}.")


def config_from_flags() -> RecommendConfig:
    """Returns the configuration that the flags describe."""
    return RecommendConfig(
        version_dir=common_flags.VERSION_DIR.value,
        answers_dir=_ANSWERS_DIR.value,
        prepared_dir=common_flags.PREPARED_DIR.value or "",
        query_files=_QUERY_FILES.value,
        exclusion_files=_EXCLUSION_FILES.value,
        exclude_history=_EXCLUDE_HISTORY.value,
        num_answers=_NUM_ANSWERS.value,
        num_shards=_NUM_SHARDS.value,
        shards=tuple(_SHARDS.value),
        batch_size=_BATCH_SIZE.value,
    )


def run(config: RecommendConfig) -> dict:
    """Writes the shards that are missing; returns what all of this run's shards hold, as a JSON object.

    Raises:
      ManifestError, BulkRetrievalError: if the version cannot be asked.
      ArtifactError, PreparedDataError, QuerySourceError: if the queries or exclusions cannot be read.
      ShardError: if the folder holds answers of another configuration, or another run is writing the same shard.
    """
    started = time.monotonic()
    source = _source(config)
    exclusions = exclusion_files.ExclusionFiles(config.exclusion_files) if config.exclusion_files else None
    export = bulk_retrieval.BulkRetrieval(config.version_dir)
    k = _answers_of_a_query(config, export)
    reader = batches.BatchReader(source, export, config.exclude_history, exclusions, config.batch_size)
    if reader.missing:
        logging.info("The queries have no %s: unknown to the model", ", ".join(reader.missing))
    num_shards = config.num_shards or -(-source.num_queries // _QUERIES_PER_SHARD)
    content = _content(config, export, source, exclusions, k)
    folder = shards.AnswerFolder(config.answers_dir, content, source.num_queries, num_shards)
    wanted = sorted(set(config.shards)) or list(range(num_shards))
    kept = {shard: counts for shard in wanted if (counts := folder.finished(shard)) is not None}
    missing = [shard for shard in wanted if shard not in kept]
    with job.stage(f"Answering into {config.answers_dir}") as said:
        written = _write_shards(folder, missing, reader, export, k)
        counts = sum([*kept.values(), *written], shards.Counts())
        said.update(dataclasses.asdict(counts), shards_written=len(written), shards_kept=len(kept))
    return {
        "job": "recommend",
        "version": content["version"],
        "k": k,
        **dataclasses.asdict(counts),
        "shards_written": len(written),
        "shards_kept": len(kept),
        "seconds": round(time.monotonic() - started, 3),
    }


def _source(config: RecommendConfig) -> query_sources.QuerySource:
    if config.query_files:
        source: query_sources.QuerySource = query_sources.ParquetQueries(config.query_files)
    else:
        source = query_sources.PreparedQueries(prepared_data.read_prepared_data(config.prepared_dir))
    if not source.num_queries:
        raise query_sources.QuerySourceError(f"--query_files={config.query_files} holds no queries; give some.")
    return source


def _answers_of_a_query(config: RecommendConfig, export: bulk_retrieval.BulkRetrieval) -> int:
    k, max_k = config.num_answers or export.manifest["k"], export.manifest["max_k"]
    if k > max_k:
        raise job.ConfigError(
            f"--num_answers must be at most {max_k}, the --max_k of the export, but is {k}; export with a larger one."
        )
    return k


def _content(
    config: RecommendConfig,
    export: bulk_retrieval.BulkRetrieval,
    source: query_sources.QuerySource,
    exclusions: exclusion_files.ExclusionFiles | None,
    k: int,
) -> dict:
    """Returns what the answers are made from; answers of equal content are equal."""
    return {
        "version": pathlib.Path(config.version_dir).resolve().name,
        "version_sha256": export.manifest.get("manifest_sha256"),
        "model_stamp": export.manifest.get("model_stamp"),
        "queries_sha256": source.sha256,
        "exclusions_sha256": exclusions.sha256 if exclusions else None,
        "exclude_history": config.exclude_history,
        "k": k,
        "queries_per_batch": config.batch_size,
    }


def _write_shards(
    folder: shards.AnswerFolder,
    missing: list[int],
    reader: batches.BatchReader,
    export: bulk_retrieval.BulkRetrieval,
    k: int,
) -> list[shards.Counts]:
    """Writes shards one after the other, while the next batches are read beside."""
    total = sum(end - begin for begin, end in map(folder.bounds, missing))
    written = []
    with progress.progress_bar(total, "Answering", "query") as bar:
        for shard in missing:
            with folder.writing(shard) as writer:
                _write_shard(writer, beside.ahead(reader.batches(*folder.bounds(shard))), reader.ids, export, k, bar)
            written.append(writer.counts)
    return written


def _write_shard(
    writer: shards.ShardWriter,
    asked: Iterator[batches.Batch],
    ids: pa.Array,
    export: bulk_retrieval.BulkRetrieval,
    k: int,
    bar: tqdm.tqdm,
) -> None:
    with beside.behind() as later, contextlib.closing(asked):
        for batch in asked:
            answers = answering.answer(export, batch.inputs, batch.excluded, k)
            later(lambda batch=batch, answers=answers: _write(writer, batch, answers, ids, k))
            bar.update(len(batch.query_ids))


def _write(writer: shards.ShardWriter, batch: batches.Batch, answers: answering.Answers, ids: pa.Array, k: int) -> None:
    splits = pa.array(np.concatenate([[0], np.cumsum(answers.lengths)]).astype(np.int32))
    columns = [
        batch.query_ids,
        pa.ListArray.from_arrays(splits, ids.take(pa.array(answers.rows))),
        pa.ListArray.from_arrays(splits, pa.array(answers.scores)),
    ]
    counts = shards.Counts(
        queries=len(answers.lengths),
        answers=len(answers.rows),
        short=int(np.sum(answers.lengths < k)),
        unanswered=int(np.sum(answers.lengths == 0)),
    )
    writer.write(pa.Table.from_arrays(columns, schema=shards.SCHEMA), counts)


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()))), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["version_dir", "answers_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
