"""Serves another corpus with the towers that serve already: new and changed candidates between trainings.

    python -m pipelines.refresh_index --prepared_dir=prepared --model_dir=model --candidates=items.csv \\
        --export_dir=served/movielens
    python -m pipelines.refresh_index --state_dir=state --candidates=items.csv --export_dir=served/movielens

`--candidates` is the whole corpus from now on, as of prepare_data. Its candidates are embedded by the candidate tower
of the version that serves: who is unchanged gets the same embedding, who is not in the table disappears, and of an id
that the model was not trained on the features speak; how many those are is said. The index is built and tuned anew and
published as `pipelines.export` publishes, through the same gates and with the options of the version that serves, the
query tower being the same. `python -m pipelines.export --export_dir=... --rollback` takes it back. The last line is a
JSON object.
"""

import dataclasses
import json
import pathlib

from absl import app, flags, logging

from pipelines import (
    common_flags,
    corpus_changes,
    directory_lock,
    export,
    export_flags,
    export_gates,
    export_versions,
    job,
    model_directory,
    prepared_data,
    run_ledger,
)
from pipelines.daily import daily_flags, day_record, served_days
from pipelines.daily.stage_lines import StageLines
from pipelines.daily.state_paths import StatePaths
from serving import bulk_retrieval, manifest

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
flags.declare_key_flag("state_dir")
flags.declare_key_flag("candidates")
flags.declare_key_flag("export_dir")
flags.declare_key_flag("min_index_recall")
flags.declare_key_flag("min_num_candidates")
flags.declare_key_flag("keep_versions")

# What an export says of its options, by the name that they have in `ExportConfig`.
_OPTIONS = {
    "index": "index_asked_for",
    "index_storage": "index_storage",
    "k": "k",
    "max_k": "max_k",
    "filter_columns": "filter_columns",
    "display_columns": "display_columns",
    "precompute_queries": "precompute_queries",
}


@dataclasses.dataclass(frozen=True)
class RefreshConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: prepared data, whose queries tune and judge the index; empty with `state_dir`.
      model_dir: the model that the newest version was exported from; empty with `state_dir`.
      export_dir: directory of the versions.
      candidates: files or globs of the candidate table.
      min_index_recall: floor of the index recall, in [0, 1].
      min_num_candidates: smallest corpus that is published.
      keep_versions: how many of the newest versions stay, >= 1.
      state_dir: of the daily runs that published the newest version, which know both directories; or empty.
    """

    prepared_dir: str
    model_dir: str
    export_dir: str
    candidates: str
    min_index_recall: float = 0.95
    min_num_candidates: int = 1
    keep_versions: int = 3
    state_dir: str = ""

    def __post_init__(self) -> None:
        if self.state_dir and (self.prepared_dir or self.model_dir):
            raise job.ConfigError(
                f"--state_dir={self.state_dir} says which model serves and on what it was trained; leave out "
                "--prepared_dir and --model_dir."
            )
        if self.state_dir and not StatePaths(self.state_dir).days.is_dir():
            raise job.ConfigError(
                f"--state_dir must be a directory that a daily run has made, but is {self.state_dir!r}."
            )
        if not self.candidates:
            raise job.ConfigError("--candidates must name a candidate table, but is empty.")
        # Checks the others.
        self.export_config({})

    def export_config(self, options: dict) -> export_flags.ExportConfig:
        """Returns the configuration of the export, with the options that are given."""
        return export_flags.ExportConfig(
            prepared_dir=self.prepared_dir or self.state_dir,
            model_dir=self.model_dir or self.state_dir,
            export_dir=self.export_dir,
            corpus=self.candidates,
            min_index_recall=self.min_index_recall,
            min_num_candidates=self.min_num_candidates,
            keep_versions=self.keep_versions,
            # The same model loses nothing.
            max_metric_loss=1.0,
            **options,
        )


@dataclasses.dataclass(frozen=True)
class RefreshResult:
    """What was published.

    Attributes:
      export: the version and its manifest.
      changes: against the version that served before.
    """

    export: export.ExportResult
    changes: corpus_changes.CorpusChanges

    def as_json(self) -> dict:
        """Returns a JSON object."""
        version = int(self.export.version_dir.name)
        return {
            "job": "refresh_index",
            "version": version,
            "reused": self.export.reused,
            **dataclasses.asdict(self.changes),
        }


def config_from_flags() -> RefreshConfig:
    """Returns the configuration that the flags describe."""
    return RefreshConfig(
        prepared_dir=common_flags.PREPARED_DIR.value or "",
        model_dir=common_flags.MODEL_DIR.value or "",
        export_dir=export_flags.EXPORT_DIR.value,
        candidates=common_flags.CANDIDATES.value,
        min_index_recall=export_flags.MIN_INDEX_RECALL.value,
        min_num_candidates=export_flags.MIN_NUM_CANDIDATES.value,
        keep_versions=export_flags.KEEP_VERSIONS.value,
        state_dir=daily_flags.STATE_DIR.value or "",
    )


def run(config: RefreshConfig) -> RefreshResult:
    """Publishes the next version over another corpus, or returns the newest one if it is the same.

    Raises:
      ExportRefusedError: if no version serves, it is of another model, or a gate was not passed.
      ArtifactError: if a daily run, a rollback or another refresh publishes there.
      ServedDaysError: if no model of a day serves.
      ManifestError: if the version that serves is not as it was published.
      ArtifactError, PreparedDataError, PreparationError, ModelDirectoryError, CorpusColumnError: if an input cannot be
        read.
      CandidateIndexError, CandidateFilterError: if the corpus cannot be indexed.
    """
    _newest_version_dir(config.export_dir)
    with directory_lock.hold(pathlib.Path(config.export_dir), "export_dir", "publishing"):
        return _refresh_served_day(config) if config.state_dir else _refresh(config)


def _refresh_served_day(config: RefreshConfig) -> RefreshResult:
    """Refreshes the index of the day whose model serves, and says so in the ledger of daily runs."""
    paths = StatePaths(config.state_dir)
    with (
        directory_lock.hold(paths.directory, "state_dir"),
        StageLines(run_ledger.RunLedger(paths.ledger)).stage(None, "refresh_index") as entry,
    ):
        date = served_days.served_date(config.export_dir, day_record.read_all(paths))
        day = paths.day(date)
        result = _refresh(
            dataclasses.replace(config, prepared_dir=str(day.prepared), model_dir=str(day.model), state_dir="")
        )
        entry.update(
            version=int(result.export.version_dir.name),
            model_stamp=result.export.manifest["model_stamp"],
            figures={"of_date": date.isoformat(), **dataclasses.asdict(result.changes)},
        )
    return result


def _refresh(config: RefreshConfig) -> RefreshResult:
    served_dir = _newest_version_dir(config.export_dir)
    published = manifest.read_manifest(served_dir)
    manifest.require_unchanged_files(served_dir, published)
    _require_same_towers(config, served_dir, published)
    before = _served_ids(served_dir)
    exported = export.run(config.export_config(_options(published)))
    description = model_directory.ModelPaths(config.model_dir).description
    vocabulary = prepared_data.read_model_inputs(description).candidate_ids
    after = _served_ids(exported.version_dir)
    changes = corpus_changes.CorpusChanges.between(before, after, set(vocabulary))
    logging.info(
        "Version %s serves %d candidates: %d new, %d kept, %d removed; the model was not trained on the ids of %d",
        exported.version_dir.name,
        *dataclasses.astuple(changes),
    )
    return RefreshResult(exported, changes)


def _newest_version_dir(export_dir: str) -> pathlib.Path:
    newest = export_versions.newest(export_dir)
    if newest is None:
        raise export_gates.ExportRefusedError(
            f"A refresh needs a version that serves, but --export_dir={export_dir} holds none; export one first."
        )
    return pathlib.Path(export_dir) / str(newest)


def _require_same_towers(config: RefreshConfig, served_dir: pathlib.Path, published: dict) -> None:
    stamp = model_directory.read_description(config.model_dir).stamp
    best_checkpoint = model_directory.best_checkpoint_name(config.model_dir)
    if (published.get("model_stamp"), published.get("best_checkpoint")) != (stamp, best_checkpoint):
        raise export_gates.ExportRefusedError(
            f"A refresh keeps the towers that serve, but --model_dir={config.model_dir} holds other ones than version "
            f"{served_dir.name} of {config.export_dir} was exported from; name the directory of its model, or publish "
            "the new towers with pipelines.export."
        )


def _served_ids(version_dir: pathlib.Path) -> set[str]:
    return {each.decode() for each in bulk_retrieval.candidate_ids(version_dir).tolist()}


def _options(published: dict) -> dict:
    found = {name: published[key] for name, key in _OPTIONS.items() if key in published}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: print(json.dumps(run(config_from_flags()).as_json())), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["candidates", "export_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
