"""Builds an index over the corpus and publishes it with both towers as one SavedModel.

    python -m pipelines.export --prepared_dir=prepared --model_dir=model --export_dir=served/movielens
    python -m pipelines.export --export_dir=served/movielens --rollback

A server that watches `--export_dir` finds `<export_dir>/<version>/`. The version
appears by one rename, after the corpus is large enough, its index reached `--min_index_recall`, validation lost no
more than `--max_metric_loss` of what the version before has, and the TensorFlow C API loaded and ran it; otherwise the
version before it keeps serving. `--rollback` takes the newest version back by one rename; of versions that daily runs
published `pipelines.rollback` does, which takes their days back too. While it works in `--export_dir`, no daily run,
refresh or rollback does.
"""

import contextlib
import dataclasses
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from absl import app, flags, logging

from pipelines import (
    corpus_columns,
    directory_lock,
    export_flags,
    export_gates,
    export_origin,
    export_versions,
    job,
    model_directory,
    prepared_data,
    publishing,
    served_content,
)
from pipelines.export_flags import ExportConfig, config_from_flags
from pipelines.preparation import candidate_table, sources
from serving import manifest, saved_model, warm_up_requests

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
flags.adopt_module_key_flags(export_flags)


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """What was published.

    Attributes:
      version_dir: the version's directory.
      manifest: its manifest.
      reused: whether the newest version already was this export.
    """

    version_dir: pathlib.Path
    manifest: dict
    reused: bool


def run_alone(config: ExportConfig) -> ExportResult:
    """Publishes as `run` does, and keeps daily runs, refreshes and rollbacks out of the directory meanwhile.

    Raises:
      ArtifactError: if another run publishes there.
      ValueError: what `run` raises.
    """
    with _held(config.export_dir):
        return run(config)


def run(config: ExportConfig) -> ExportResult:
    """Publishes the next version, or returns the newest one if it is the same.

    It does not hold the directory, so that a job can that does more there than to export.

    Raises:
      ArtifactError, PreparedDataError, PreparationError, ModelDirectoryError, CorpusColumnError: if an input cannot be
        read.
      CandidateIndexError, CandidateFilterError: if the corpus cannot be indexed.
      ExportRefusedError: if a gate was not passed.
    """
    data = prepared_data.read_prepared_data(config.prepared_dir)
    source = sources.find_source("candidates", config.corpus) if config.corpus else None
    corpus = candidate_table.read_candidate_table(source, data.schema) if source else data.corpus
    config = config.sized(corpus.num_rows)
    description = model_directory.read_description(config.model_dir)
    model_directory.require_schema(config.model_dir, data)
    best_checkpoint = model_directory.best_checkpoint_name(config.model_dir)
    origin = export_origin.origin_of(config, description, data, best_checkpoint, source)
    export_versions.sweep(config.export_dir)
    newest = export_versions.newest(config.export_dir)
    published = _published(config, newest)
    if published and _is_this(config, published, origin):
        logging.info("Version %d in %s is this export already", newest, config.export_dir)
        _retire(config)
        return ExportResult(pathlib.Path(config.export_dir) / str(newest), published, reused=True)
    export_gates.require_enough_candidates(config.k, corpus.num_rows, config.min_num_candidates)
    validation = model_directory.validation_metrics(config.model_dir, best_checkpoint)
    export_gates.require_not_worse(
        config.metric, validation, (published or {}).get("validation"), config.max_metric_loss, newest
    )
    display = corpus_columns.read_display(corpus, config.display_columns)
    content = served_content.build(config, data, corpus, description, best_checkpoint)
    export_gates.require_index_recall(
        content.index_recall, config.min_index_recall, config.k, content.num_recall_queries
    )
    described = export_origin.description_of(content.served, data, description.config.similarity)
    measured = {
        f"index_recall_at_{config.k}": content.index_recall,
        "index_trade_off": [each._asdict() for each in content.trade_off],
        "validation": validation,
    }
    version_dir = _publish(config, content, display, {**origin, **described, **measured})
    _retire(config)
    return ExportResult(version_dir, manifest.read_manifest(version_dir), reused=False)


def _publish(
    config: ExportConfig, content: served_content.ServedContent, display: pa.Table, described: dict
) -> pathlib.Path:
    """Writes the next version beside its place, tries it, and renames it."""
    version_dir = pathlib.Path(config.export_dir) / str(export_versions.next_number(config.export_dir))
    with job.stage(f"Publishing {version_dir}") as counts, publishing.new_directory(version_dir) as building:
        saved_model.write_saved_model(content.served, building)
        warm_up_requests.write_warm_up_requests(building, version_dir.parent.name, content.requests)
        if config.display_columns:
            pq.write_table(display, building / export_flags.DISPLAY_PATH)
        export_gates.require_loadable(building, content.query, content.served)
        manifest.write_manifest(building, described)
        counts.update(index_recall=f"{content.index_recall:.4f}")
    return version_dir


def _retire(config: ExportConfig) -> None:
    if retired := export_versions.retire(config.export_dir, config.keep_versions):
        logging.info("Removed versions %s (--keep_versions=%d)", retired, config.keep_versions)


def _published(config: ExportConfig, version: int | None) -> dict | None:
    """Returns the manifest of the version that serves, if it is whole; otherwise `None`."""
    if version is None:
        return None
    version_dir = pathlib.Path(config.export_dir) / str(version)
    try:
        existing = manifest.read_manifest(version_dir)
        manifest.require_unchanged_files(version_dir, existing)
    except manifest.ManifestError as error:
        logging.warning("%s", error)
        return None
    return existing


def _is_this(config: ExportConfig, published: dict, origin: dict) -> bool:
    is_same = origin.items() <= published.items()
    return is_same and published[f"index_recall_at_{config.k}"] >= config.min_index_recall


def roll_back(export_dir: str) -> None:
    """Takes the newest version back, with nobody else publishing meanwhile.

    Raises:
      ConfigError: if there is no such directory.
      ArtifactError: if another run publishes there.
      ExportVersionError: if there are not two versions.
    """
    if not export_dir or not pathlib.Path(export_dir).is_dir():
        raise job.ConfigError(f"--export_dir must be a directory of versions, but is {export_dir!r}; correct it.")
    with _held(export_dir):
        withdrawn, served = export_versions.roll_back(export_dir)
    logging.info("Version %d of %s was taken back; %d is served", withdrawn, export_dir, served)


def _held(export_dir: str) -> contextlib.AbstractContextManager[None]:
    return directory_lock.hold(pathlib.Path(export_dir), "export_dir", "publishing")


def _run_flags() -> None:
    if export_flags.ROLLBACK.value:
        roll_back(export_flags.EXPORT_DIR.value)
    else:
        run_alone(config_from_flags())


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(_run_flags, argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["export_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
