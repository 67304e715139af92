"""Builds an index over the corpus and publishes it with the query tower as one SavedModel.

    python -m pipelines.export --prepared_dir=prepared --model_dir=model --export_dir=served/movielens

A server that watches `--export_dir` finds `<export_dir>/<version>/`. The version
appears by one rename, after its index reached `--min_index_recall` and the
TensorFlow C API loaded and ran it; otherwise the version before it keeps serving.
"""

import dataclasses
import pathlib
import re

import numpy as np
import tensorflow as tf
from absl import app, flags, logging

from pipelines import (
    common_flags,
    export_gates,
    feeding,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
    publishing,
    source_digest,
)
from serving import manifest, saved_model, signatures, warm_up_requests
from serving.index import factory
from tfrs_model import __version__, seeds

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
_DEFAULT_K = 100
_NUM_RECALL_QUERIES = 1000

_EXPORT_DIR = flags.DEFINE_string("export_dir", None, "Directory of the versions: a server's --model_base_path.")
_INDEX = flags.DEFINE_enum(
    "index",
    "auto",
    factory.KINDS,
    "brute_force: exact, stock TensorFlow ops; scann: ScaNN's ops; auto: by corpus size.",
)
_K = flags.DEFINE_integer(
    "k",
    None,
    f"How many candidates a request is answered with; by default {_DEFAULT_K}, or the corpus if it is smaller.",
)
_MIN_INDEX_RECALL = flags.DEFINE_float(
    "min_index_recall",
    0.95,
    "Share of the exact top k that the index must find, in [0, 1]; below it nothing is published.",
)

# What a score is, and so what a query embedding is that the signature answers.
_SIMILARITIES = {
    "cosine": "inner product of unit vectors (cosine)",
    "dot": "inner product",
    "euclidean": "inner product of [2 q, -|q|^2, 1] and [c, 1, -|c|^2]: minus the squared Euclidean distance",
}


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: prepared data, whose candidates are the corpus.
      model_dir: the trained model.
      export_dir: directory of the versions.
      index: `auto`, `brute_force` or `scann`.
      k: candidates per answer, >= 1 and at most the corpus; `None` is 100, or the corpus if it is smaller.
      min_index_recall: floor of the index recall, in [0, 1].
    """

    prepared_dir: str
    model_dir: str
    export_dir: str
    index: str = "auto"
    k: int | None = None
    min_index_recall: float = 0.95

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir", "export_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if pathlib.Path(self.export_dir).is_file():
            raise job.ConfigError(f"--export_dir={self.export_dir} is a file; name a directory for the versions.")
        if self.index not in factory.KINDS:
            raise job.ConfigError(f"--index must be one of {', '.join(factory.KINDS)}, but is {self.index!r}.")
        if self.k is not None and self.k < 1:
            raise job.ConfigError(f"--k must be >= 1, but is {self.k}.")
        if not 0.0 <= self.min_index_recall <= 1.0:
            raise job.ConfigError(f"--min_index_recall must be in [0, 1], but is {self.min_index_recall}.")


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


def config_from_flags() -> ExportConfig:
    """Returns the configuration that the flags describe."""
    return ExportConfig(
        prepared_dir=common_flags.PREPARED_DIR.value,
        model_dir=common_flags.MODEL_DIR.value,
        export_dir=_EXPORT_DIR.value,
        index=_INDEX.value,
        k=_K.value,
        min_index_recall=_MIN_INDEX_RECALL.value,
    )


def run(config: ExportConfig) -> ExportResult:
    """Publishes the next version, or returns the newest one if it is the same.

    Raises:
      ArtifactError, PreparedDataError, ModelDirectoryError: if an input cannot be read.
      CandidateIndexError: if the corpus cannot be indexed.
      ExportRefusedError: if a gate was not passed.
    """
    data = prepared_data.read_prepared_data(config.prepared_dir)
    config = dataclasses.replace(config, k=config.k or min(_DEFAULT_K, data.corpus.num_rows))
    description = model_directory.read_description(config.model_dir)
    model_directory.require_schema(config.model_dir, data)
    best_checkpoint = model_directory.best_checkpoint_name(config.model_dir)
    origin = _origin(config, description, data, best_checkpoint)
    newest = _newest_version(config.export_dir)
    if newest and (existing := _reusable(config, newest, origin)):
        logging.info("Version %d in %s is this export already", newest, config.export_dir)
        return ExportResult(pathlib.Path(config.export_dir) / str(newest), existing, reused=True)
    export_gates.require_enough_candidates(config.k, data)

    model = model_directory.restore_model(config.model_dir, best_checkpoint)
    feeder = feeding.Feeder.for_model(data, description.config)
    embedder = offline_evaluation.Embedder(model, feeder)
    with job.stage("Embedding the corpus and building the index") as counts:
        embeddings = embedder.corpus()
        index = factory.build_index(config.index, data.corpus["candidate_id"].to_pylist(), embeddings, config.k)
        counts.update(candidates=index.num_candidates, index=index.name)
    examples = _sample(data.examples("train"), description.seed)
    recall = export_gates.measure_index_recall(index, embedder.queries(examples), embeddings, config.k)
    export_gates.require_index_recall(recall, config.min_index_recall, config.k, len(examples))

    version_dir = pathlib.Path(config.export_dir) / str((newest or 0) + 1)
    served = saved_model.ServedRecommender(model.query_tower, index, config.k)
    described = _description_of(served, data, description.config.similarity)
    with job.stage(f"Publishing {version_dir}") as counts, publishing.new_directory(version_dir) as building:
        saved_model.write_saved_model(served, building)
        warm_up = _one_row(feeder.query_batches(examples, 1), model.query_tower.input_specs)
        warm_up_requests.write_warm_up_requests(
            building,
            version_dir.parent.name,
            {name: values.numpy() for name, values in warm_up.items()},
            signatures.ALL,
        )
        export_gates.require_loadable(building, warm_up, served)
        manifest.write_manifest(building, {**origin, **described, f"index_recall_at_{config.k}": recall})
        counts.update(index_recall=f"{recall:.4f}")
    return ExportResult(version_dir, manifest.read_manifest(version_dir), reused=False)


def _origin(
    config: ExportConfig,
    description: model_directory.ModelDescription,
    data: prepared_data.PreparedData,
    best_checkpoint: str,
) -> dict:
    """Returns what an export is made from; two exports of equal origin answer alike."""
    return {
        "package_version": __version__,
        "tensorflow_version": tf.__version__,
        "model_stamp": description.stamp,
        "best_checkpoint": best_checkpoint,
        "prepared_data_sha256": data.manifest_sha256,
        "source_sha256": source_digest.source_sha256("tfrs_model", "serving", "pipelines"),
        "index_asked_for": config.index,
        "k": config.k,
    }


def _description_of(served: saved_model.ServedRecommender, data: prepared_data.PreparedData, similarity: str) -> dict:
    return {
        "index": served.index.name,
        "index_parameters": served.index.parameters,
        "similarity": _SIMILARITIES[similarity],
        "embedding_dim": served.query_tower.embedding_dim,
        "num_candidates": served.index.num_candidates,
        "data_time_range_microseconds": data.manifest["time_range_microseconds"],
        "inputs": {
            name: {"dtype": spec.dtype.name, "shape": [-1 if size is None else size for size in spec.shape]}
            for name, spec in served.query_tower.input_specs.items()
        },
    }


def _sample(examples: prepared_data.Examples, seed: int) -> prepared_data.Examples:
    generator = np.random.default_rng(seeds.derive_seed(seed, "index recall"))
    chosen = generator.permutation(len(examples))[:_NUM_RECALL_QUERIES]
    return examples.take(np.sort(chosen))


def _one_row(batches: tf.data.Dataset, specs: dict[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    return {name: values for name, values in next(iter(batches)).items() if name in specs}


def _newest_version(export_dir: str) -> int | None:
    directory = pathlib.Path(export_dir)
    names = (entry.name for entry in directory.glob("*"))
    return max((int(name) for name in names if re.fullmatch("[0-9]+", name)), default=None)


def _reusable(config: ExportConfig, version: int, origin: dict) -> dict | None:
    """Returns the manifest of a version that is this export, whole and good enough; otherwise `None`."""
    version_dir = pathlib.Path(config.export_dir) / str(version)
    try:
        existing = manifest.read_manifest(version_dir)
        manifest.require_unchanged_files(version_dir, existing)
    except manifest.ManifestError as error:
        logging.warning("%s", error)
        return None
    is_same = origin.items() <= existing.items()
    return existing if is_same and existing[f"index_recall_at_{config.k}"] >= config.min_index_recall else None


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["prepared_dir", "model_dir", "export_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
