"""How one model is found, loaded and kept, as far as flags and configuration say."""

import dataclasses
import pathlib
from collections.abc import Callable

from tensorflow.core.protobuf import config_pb2

from serving.server import batcher, servable, version_policy


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """How one model is found and loaded.

    Attributes:
      model_name: name under which it is served.
      base_path: folder whose integer-named folders are versions.
      policy: which of them serve, at first.
      poll_wait_seconds: pause between looks at the base path; 0 looks once.
      max_num_load_retries: attempts after the first failed one.
      load_retry_interval_seconds: pause before each further attempt.
      num_warm_ups: how often the warm-up file of a version is replayed.
      tags: tag set of the MetaGraph to load.
      session_config: threads and devices; `None` for TensorFlow's own choice.
      is_method_name_checked: whether a signature answers only the method it was exported for.
      is_cache_flushed: whether the page cache forgets a version's files once it is loaded.
      batched: returns what has requests of a loaded version run together; `None` where each runs by itself.
    """

    model_name: str
    base_path: pathlib.Path
    policy: version_policy.VersionPolicy = dataclasses.field(default_factory=version_policy.Latest)
    poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_seconds: float = 60.0
    num_warm_ups: int = 1
    tags: tuple[str, ...] = ("serve",)
    session_config: config_pb2.ConfigProto | None = None
    is_method_name_checked: bool = False
    is_cache_flushed: bool = False
    batched: Callable[[servable.Servable], batcher.Batcher] | None = None
