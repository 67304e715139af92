"""The options of a model server, checked."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

_MAX_PORT = (1 << 16) - 1
_MAX_MESSAGE_BYTES = (1 << 31) - 1
_AT_LEAST_ONE = ("grpc_max_threads", "rest_api_num_threads", "rest_api_timeout_in_ms", "max_request_bytes")
_MAX_THREADS = 10_000
_THREADS = (
    *("grpc_max_threads", "rest_api_num_threads", "num_load_threads", "num_unload_threads"),
    *("tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"),
)
_NOT_NEGATIVE = (
    *("file_system_poll_wait_seconds", "model_config_file_poll_wait_seconds", "max_num_load_retries"),
    *("num_load_threads", "num_unload_threads", "num_request_iterations_for_warmup"),
    *("tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"),
    *("max_queued_requests", "max_request_rows", "shutdown_grace_seconds"),
)


class ServerConfigError(ValueError):
    """An option of the server is out of range or clashes with another; the message names the flag."""


def default_num_threads() -> int:
    """Returns four threads for each CPU this process may use, TensorFlow Serving's default."""
    return 4 * len(os.sched_getaffinity(0))


@dataclasses.dataclass(frozen=True)
class ServerConfig:
    """What to serve, and where. Field names are those of the flags.

    Attributes:
      model_base_path: folder whose integer-named folders are versions; `None` with a model_config_file.
      model_name: name under which the model is served.
      model_config_file: a ModelServerConfig as text: several models, policies, labels.
      model_config_file_poll_wait_seconds: pause between looks at that file; 0 reads it once.
      allow_version_labels_for_unavailable_models: whether a label not in use may point to what does not serve yet.
      port: gRPC port, 0 for none.
      grpc_socket_path: Unix socket for gRPC as well, "" for none.
      rest_api_port: REST port, 0 for none.
      rest_api_address: what REST listens on; "" for all addresses, or loopback where gRPC is encrypted.
      rest_api_enable_cors_support: whether pages of other origins may read REST answers.
      grpc_max_threads: gRPC requests that run at once.
      rest_api_num_threads: REST requests that run at once.
      rest_api_timeout_in_ms: longest time for a REST answer, in milliseconds.
      grpc_channel_arguments: options of the gRPC library.
      enable_grpc_healthcheck_service: whether the standard gRPC health service is there.
      ssl_config_file: an SSLConfig as text; `None` serves gRPC unencrypted.
      monitoring_config_file: a MonitoringConfig as text.
      explorer: whether the REST port has a page that asks the models.
      explorer_histories: a Parquet file of interactions, from which that page shows histories; `None` for none.
      enable_batching: whether requests that wait for each other run together.
      batching_parameters_file: BatchingParameters as text; `None` for the defaults.
      max_queued_requests: requests of each API that may wait for a thread; further ones are refused.
      max_request_bytes: size of the largest request.
      max_request_rows: most rows of a request, 0 for any.
      file_system_poll_wait_seconds: pause between looks for new versions; 0 looks once.
      max_num_load_retries: attempts to load a version after the first failed one.
      load_retry_interval_micros: pause before each further attempt, in microseconds.
      num_load_threads: versions that are loaded at once, of different models; 0 counts as 1.
      num_unload_threads: versions that are unloaded at once, of different models; 0 counts as 1.
      flush_filesystem_caches: whether a version's files leave the page cache once it is loaded.
      enable_model_warmup: whether the warm-up file of a version is replayed.
      num_request_iterations_for_warmup: how often each of its records is; 0 counts as 1.
      saved_model_tags: tag set of the MetaGraph to load.
      tensorflow_session_config_file: a ConfigProto as text.
      tensorflow_intra_op_parallelism: threads of one operation, 0 for as many as TensorFlow takes.
      tensorflow_inter_op_parallelism: operations that run at once, 0 for as many as TensorFlow takes.
      per_process_gpu_memory_fraction: share of each GPU's memory to take, 0 for TensorFlow's own choice.
      enable_signature_method_name_check: whether Classify and Regress want a signature made for them.
      enable_serialization_as_tensor_content: whether answers over gRPC hold bytes instead of typed fields.
      log_format: `text` or `json`, see `log_lines`.
      log_requests: which requests have a line in the log, see `request_records`.
      request_log_dir: where a sample of the requests is written, a folder for each model; `None` for nowhere.
      request_log_sampling_rate: share of the requests in it.
      shutdown_grace_seconds: how long a stopping server waits for requests under way.
    """

    model_base_path: pathlib.Path | None = None
    model_name: str = "default"
    model_config_file: pathlib.Path | None = None
    model_config_file_poll_wait_seconds: int = 0
    allow_version_labels_for_unavailable_models: bool = False
    port: int = 8500
    grpc_socket_path: str = ""
    rest_api_port: int = 0
    rest_api_address: str = ""
    rest_api_enable_cors_support: bool = False
    grpc_max_threads: int = dataclasses.field(default_factory=default_num_threads)
    rest_api_num_threads: int = dataclasses.field(default_factory=default_num_threads)
    rest_api_timeout_in_ms: int = 30_000
    grpc_channel_arguments: Mapping[str, int | str] = dataclasses.field(default_factory=dict)
    enable_grpc_healthcheck_service: bool = False
    ssl_config_file: pathlib.Path | None = None
    monitoring_config_file: pathlib.Path | None = None
    explorer: bool = False
    explorer_histories: pathlib.Path | None = None
    enable_batching: bool = False
    batching_parameters_file: pathlib.Path | None = None
    max_queued_requests: int = 1000
    max_request_bytes: int = _MAX_MESSAGE_BYTES
    max_request_rows: int = 0
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    num_load_threads: int = 0
    num_unload_threads: int = 0
    flush_filesystem_caches: bool = True
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    saved_model_tags: tuple[str, ...] = ("serve",)
    tensorflow_session_config_file: pathlib.Path | None = None
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    per_process_gpu_memory_fraction: float = 0.0
    enable_signature_method_name_check: bool = False
    enable_serialization_as_tensor_content: bool = False
    log_format: str = "text"
    log_requests: str = "none"
    request_log_dir: pathlib.Path | None = None
    request_log_sampling_rate: float = 0.01
    shutdown_grace_seconds: float = 20.0

    def __post_init__(self) -> None:
        self._check_models()
        self._check_ports()
        for flag in _AT_LEAST_ONE:
            if getattr(self, flag) < 1:
                raise ServerConfigError(f"--{flag} must be at least 1, but is {getattr(self, flag)}.")
        for flag in _NOT_NEGATIVE:
            if getattr(self, flag) < 0:
                raise ServerConfigError(f"--{flag} must not be negative, but is {getattr(self, flag)}.")
        for flag in _THREADS:
            if getattr(self, flag) > _MAX_THREADS:
                raise ServerConfigError(f"--{flag} must be at most {_MAX_THREADS}, but is {getattr(self, flag)}.")
        self._check_what_would_be_ignored()
        if self.max_request_bytes > _MAX_MESSAGE_BYTES:
            raise ServerConfigError(
                f"--max_request_bytes must be at most {_MAX_MESSAGE_BYTES}, but is {self.max_request_bytes}."
            )
        if not 0.0 <= self.request_log_sampling_rate <= 1.0:
            raise ServerConfigError(
                f"--request_log_sampling_rate must be between 0 and 1, but is {self.request_log_sampling_rate:g}."
            )
        if not 0.0 <= self.per_process_gpu_memory_fraction <= 1.0:
            raise ServerConfigError(
                "--per_process_gpu_memory_fraction must be between 0 and 1, "
                f"but is {self.per_process_gpu_memory_fraction:g}."
            )

    def _check_what_would_be_ignored(self) -> None:
        has_grpc = bool(self.port or self.grpc_socket_path)
        for flag, needed, has_needed in (
            ("batching_parameters_file", "enable_batching", self.enable_batching),
            ("model_config_file_poll_wait_seconds", "model_config_file", self.model_config_file),
            ("monitoring_config_file", "rest_api_port", self.rest_api_port),
            ("explorer", "rest_api_port", self.rest_api_port),
            ("explorer_histories", "explorer", self.explorer),
            ("rest_api_address", "rest_api_port", self.rest_api_port),
            ("rest_api_enable_cors_support", "rest_api_port", self.rest_api_port),
            ("ssl_config_file", "port", has_grpc),
            ("enable_grpc_healthcheck_service", "port", has_grpc),
        ):
            if getattr(self, flag) and not has_needed:
                raise ServerConfigError(f"--{flag} is set without --{needed}, so it would be ignored; set both.")

    def _check_models(self) -> None:
        if not self.model_base_path and not self.model_config_file:
            raise ServerConfigError(
                "--model_base_path or --model_config_file is required: the folder that holds the version folders, "
                "such as 1, or a file that names several models."
            )
        if not self.model_name:
            raise ServerConfigError("--model_name must not be empty.")
        if not self.saved_model_tags or not all(self.saved_model_tags):
            raise ServerConfigError(f"--saved_model_tags must name at least one tag, but is {self.saved_model_tags}.")

    def _check_ports(self) -> None:
        for flag in ("port", "rest_api_port"):
            if not 0 <= getattr(self, flag) <= _MAX_PORT:
                raise ServerConfigError(f"--{flag} must be between 0 and {_MAX_PORT}, but is {getattr(self, flag)}.")
        if self.port and self.port == self.rest_api_port:
            raise ServerConfigError(
                f"--port and --rest_api_port are both {self.port}; each API needs a port of its own."
            )
        if not (self.port or self.rest_api_port or self.grpc_socket_path):
            raise ServerConfigError(
                "--port and --rest_api_port are both 0, so nothing would be served; set one, or --grpc_socket_path."
            )
