"""The options of a model server, checked."""

import dataclasses
import os
import pathlib

_MAX_PORT = (1 << 16) - 1


class ServerConfigError(ValueError):
    """An option of the server is out of range or clashes with another; the message names the flag."""


def default_num_threads() -> int:
    """Returns four threads for each CPU this process may use, TensorFlow Serving's default."""
    return 4 * len(os.sched_getaffinity(0))


@dataclasses.dataclass(frozen=True)
class ServerConfig:
    """What to serve, and where. Field names are those of the flags.

    Attributes:
      model_base_path: folder whose integer-named folders are versions.
      model_name: name under which the model is served.
      port: gRPC port, 0 for none.
      rest_api_port: REST port, 0 for none.
      grpc_max_threads: gRPC requests that run at once.
      rest_api_num_threads: REST requests that run at once.
      rest_api_timeout_in_ms: longest time for a REST answer, in milliseconds.
      file_system_poll_wait_seconds: pause between looks for new versions; 0 looks once.
      max_num_load_retries: attempts to load a version after the first failed one.
      load_retry_interval_micros: pause before each further attempt, in microseconds.
      enable_model_warmup: whether the warm-up file of a version is replayed.
      saved_model_tags: tag set of the MetaGraph to load.
      shutdown_grace_seconds: how long a stopping server waits for requests under way.
    """

    model_base_path: pathlib.Path
    model_name: str = "default"
    port: int = 8500
    rest_api_port: int = 0
    grpc_max_threads: int = dataclasses.field(default_factory=default_num_threads)
    rest_api_num_threads: int = dataclasses.field(default_factory=default_num_threads)
    rest_api_timeout_in_ms: int = 30_000
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    enable_model_warmup: bool = True
    saved_model_tags: tuple[str, ...] = ("serve",)
    shutdown_grace_seconds: float = 20.0

    def __post_init__(self) -> None:
        if not self.model_name:
            raise ServerConfigError("--model_name must not be empty.")
        if not self.saved_model_tags or not all(self.saved_model_tags):
            raise ServerConfigError(f"--saved_model_tags must name at least one tag, but is {self.saved_model_tags}.")
        for flag in ("port", "rest_api_port"):
            if not 0 <= getattr(self, flag) <= _MAX_PORT:
                raise ServerConfigError(f"--{flag} must be between 0 and {_MAX_PORT}, but is {getattr(self, flag)}.")
        if self.port == self.rest_api_port:
            raise ServerConfigError(
                "--port and --rest_api_port are both 0, so nothing would be served; set one."
                if not self.port
                else f"--port and --rest_api_port are both {self.port}; each API needs a port of its own."
            )
        for flag in ("grpc_max_threads", "rest_api_num_threads", "rest_api_timeout_in_ms"):
            if getattr(self, flag) < 1:
                raise ServerConfigError(f"--{flag} must be at least 1, but is {getattr(self, flag)}.")
        for flag in ("file_system_poll_wait_seconds", "max_num_load_retries", "shutdown_grace_seconds"):
            if getattr(self, flag) < 0:
                raise ServerConfigError(f"--{flag} must not be negative, but is {getattr(self, flag)}.")
