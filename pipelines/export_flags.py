"""Flags of the export job, and the configuration that they describe."""

import dataclasses
import pathlib

from absl import flags

from pipelines import common_flags, job
from serving.index import factory, partitioned

_DEFAULT_K = 100
_DEFAULT_MAX_K = 1000
DISPLAY_PATH = pathlib.PurePath("assets.extra", "display.parquet")

EXPORT_DIR = flags.DEFINE_string("export_dir", None, "Directory of the versions: a server's --model_base_path.")
_INDEX = flags.DEFINE_enum(
    "index",
    "auto",
    factory.KINDS,
    "brute_force: exact, stock TensorFlow ops; scann: ScaNN's ops; partitioned: approximate in stock ops; auto: "
    "brute_force below 20,000 candidates, else scann.",
)
_STORAGE = flags.DEFINE_enum(
    "index_storage", "float32", tuple(partitioned.STORAGES), "How --index=partitioned stores vectors."
)
_K = flags.DEFINE_integer(
    "k",
    None,
    f"How many candidates a request is answered with if it does not say; by default {_DEFAULT_K}, or the corpus if it "
    "is smaller.",
)
_MAX_K = flags.DEFINE_integer(
    "max_k",
    None,
    f"The most candidates that a request may ask for; by default {_DEFAULT_MAX_K}, --k if that is more, or the corpus "
    "if it is smaller.",
)
MIN_INDEX_RECALL = flags.DEFINE_float(
    "min_index_recall",
    0.95,
    "Share of the exact top k that the index must find, in [0, 1]; below it nothing is published.",
)
MIN_NUM_CANDIDATES = flags.DEFINE_integer("min_num_candidates", 1, "Smallest corpus that is published.")
_METRIC = flags.DEFINE_string("export_metric", "recall_at_50", "Validation metric that is compared with what serves.")
_MAX_METRIC_LOSS = flags.DEFINE_float(
    "max_metric_loss", 0.1, "Largest loss of that metric, relative to the version that serves, in [0, 1]; 1 for any."
)
_FILTERS = flags.DEFINE_list("filter_columns", [], "Candidate features that requests may filter by.")
_DISPLAY = flags.DEFINE_list("display_columns", [], f"Columns of the corpus, such as titles, for {DISPLAY_PATH}.")
_PRECOMPUTE = flags.DEFINE_boolean(
    "precompute_queries", False, "Whether embeddings of the log's queries are exported, to answer without the tower."
)
KEEP_VERSIONS = flags.DEFINE_integer("keep_versions", 3, "How many of the newest versions stay.", lower_bound=1)
ROLLBACK = flags.DEFINE_boolean("rollback", False, "Take the newest version back instead of exporting one.")


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: prepared data, whose candidates are the corpus.
      model_dir: the trained model.
      export_dir: directory of the versions.
      index: a name in `factory.KINDS`.
      k: candidates per answer, >= 1 and at most the corpus; `None` is 100, or the corpus if it is smaller.
      min_index_recall: floor of the index recall, in [0, 1].
      index_storage: of a partitioned index, `float32` or `float16`.
      max_k: the most candidates that a request may ask for; `None` is 1,000 or k, or the corpus if it is smaller.
      min_num_candidates: smallest corpus that is published.
      metric: validation metric that is compared with the version that serves.
      max_metric_loss: largest relative loss of it, in [0, 1].
      filter_columns: candidate features that requests may filter by.
      display_columns: columns of the corpus that are written beside the model.
      precompute_queries: whether the embeddings of the log's queries are exported.
      keep_versions: how many of the newest versions stay, >= 1.
      corpus: files or globs of a candidate table to serve in place of the prepared corpus, as
        `pipelines.refresh_index` does; empty for the prepared corpus.
    """

    prepared_dir: str
    model_dir: str
    export_dir: str
    index: str = "auto"
    k: int | None = None
    min_index_recall: float = 0.95
    index_storage: str = "float32"
    max_k: int | None = None
    min_num_candidates: int = 1
    metric: str = "recall_at_50"
    max_metric_loss: float = 0.1
    filter_columns: tuple[str, ...] = ()
    display_columns: tuple[str, ...] = ()
    precompute_queries: bool = False
    keep_versions: int = 3
    corpus: str = ""

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir", "export_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if pathlib.Path(self.export_dir).is_file():
            raise job.ConfigError(f"--export_dir={self.export_dir} is a file; name a directory for the versions.")
        if self.index not in factory.KINDS:
            raise job.ConfigError(f"--index must be one of {', '.join(factory.KINDS)}, but is {self.index!r}.")
        for name in ("k", "max_k", "keep_versions"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise job.ConfigError(f"--{name} must be >= 1, but is {getattr(self, name)}.")
        for name in ("min_index_recall", "max_metric_loss"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise job.ConfigError(f"--{name} must be in [0, 1], but is {getattr(self, name)}.")
        if self.k is not None and self.max_k is not None and self.k > self.max_k:
            raise job.ConfigError(f"--k must not exceed --max_k={self.max_k}, but is {self.k}.")

    def sized(self, num_candidates: int) -> "ExportConfig":
        """Returns the configuration with k and its limit for a corpus."""
        k = self.k or min(_DEFAULT_K, num_candidates)
        max_k = self.max_k or max(k, min(_DEFAULT_MAX_K, num_candidates))
        return dataclasses.replace(self, k=k, max_k=max_k)


def config_from_flags(**chosen: object) -> ExportConfig:
    """Returns the configuration that the flags describe.

    Args:
      chosen: what a job that exports as one of its stages chooses in place of the flags, by attribute.
    """
    options = {
        "prepared_dir": common_flags.PREPARED_DIR.value,
        "model_dir": common_flags.MODEL_DIR.value,
        "export_dir": EXPORT_DIR.value,
        "index": _INDEX.value,
        "k": _K.value,
        "min_index_recall": MIN_INDEX_RECALL.value,
        "index_storage": _STORAGE.value,
        "max_k": _MAX_K.value,
        "min_num_candidates": MIN_NUM_CANDIDATES.value,
        "metric": _METRIC.value,
        "max_metric_loss": _MAX_METRIC_LOSS.value,
        "filter_columns": tuple(_FILTERS.value),
        "display_columns": tuple(_DISPLAY.value),
        "precompute_queries": _PRECOMPUTE.value,
        "keep_versions": KEEP_VERSIONS.value,
    }
    return ExportConfig(**options | chosen)
