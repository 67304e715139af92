"""The whole server: one model's versions behind a gRPC port and a REST port."""

import contextlib
import time
from collections.abc import Callable
from typing import Self

from absl import logging

from serving.server import (
    grpc_server,
    model_manager,
    model_registry,
    rest_api,
    rest_server,
    server_config,
)

_SECONDS_BETWEEN_CHECKS = 0.1


class ServerStartError(ValueError):
    """The server cannot start; the message says what stands in the way."""


class ModelServer:
    """Serves the newest version of a model until it is stopped; also a context manager around `stop`."""

    def __init__(self, config: server_config.ServerConfig):
        self._config = config
        self._manager = model_manager.ModelManager(
            model_manager.ModelOptions(
                model_name=config.model_name,
                base_path=config.model_base_path,
                poll_wait_seconds=config.file_system_poll_wait_seconds,
                max_num_load_retries=config.max_num_load_retries,
                load_retry_interval_seconds=max(0, config.load_retry_interval_micros) / 1e6,
                enable_warm_up=config.enable_model_warmup,
                tags=config.saved_model_tags,
            )
        )
        self._models = model_registry.ModelRegistry([self._manager])
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self, is_stopped: Callable[[], bool] = lambda: False) -> bool:
        """Loads the newest version, then opens the ports, so that an open port means a model that answers.

        An empty base path is waited for, as long as it takes.

        Args:
          is_stopped: asked while waiting; true gives up.

        Returns:
          Whether the server now serves.

        Raises:
          ServerStartError: if the base path is missing or a port is taken.
          ServingError: if the versions on disk cannot be loaded.
        """
        config = self._config
        if not config.model_base_path.is_dir():
            raise ServerStartError(
                f"--model_base_path={config.model_base_path} is no folder. Create it, or point the flag at the folder "
                "that holds the version folders, such as 1."
            )
        # Loading may take minutes; a taken port should be told before.
        for flag, port in (("port", config.port), ("rest_api_port", config.rest_api_port)):
            _require_free_port(flag, port)
        self._manager.start()
        self._closing.callback(self._manager.stop, config.shutdown_grace_seconds)
        while not self._manager.wait_until_available(_SECONDS_BETWEEN_CHECKS):
            if is_stopped():
                return False
        self._open_ports()
        return True

    def stop(self) -> None:
        """Stops taking requests, lets those under way finish within the grace time, and frees the model."""
        self._closing.close()

    def _open_ports(self) -> None:
        config = self._config
        if config.port:
            server = grpc_server.GrpcServer(
                self._models, config.port, config.grpc_max_threads, config.shutdown_grace_seconds
            )
            self._open("port", config.port, server)
            logging.info("gRPC API at 0.0.0.0:%d", config.port)
        if config.rest_api_port:
            server = rest_server.RestServer(
                rest_api.RestApi(self._models),
                config.rest_api_port,
                config.rest_api_num_threads,
                config.rest_api_timeout_in_ms / 1000,
                config.shutdown_grace_seconds,
            )
            self._open("rest_api_port", config.rest_api_port, server)
            logging.info("REST API at 0.0.0.0:%d", config.rest_api_port)

    def _open(self, flag: str, port: int, server: grpc_server.GrpcServer | rest_server.RestServer) -> None:
        self._closing.callback(server.stop)
        try:
            server.start()
        except OSError as error:
            raise _port_error(flag, port, error) from error


def _require_free_port(flag: str, port: int) -> None:
    if not port:
        return
    try:
        rest_server.bound_socket(port).close()
    except OSError as error:
        raise _port_error(flag, port, error) from error


def _port_error(flag: str, port: int, error: OSError) -> ServerStartError:
    reason = error.strerror or str(error)
    return ServerStartError(
        f"--{flag}={port} cannot be used: {reason}. Choose another port, or stop the process that has it."
    )


def serve_until(config: server_config.ServerConfig, is_stopped: Callable[[], bool]) -> None:
    """Runs a server until `is_stopped` says so.

    Raises:
      ServerStartError, ServingError: see `ModelServer.start`.
    """
    with ModelServer(config) as server:
        server.start(is_stopped)
        while not is_stopped():
            time.sleep(_SECONDS_BETWEEN_CHECKS)
        logging.info("Stopping; requests under way have %g s", config.shutdown_grace_seconds)
