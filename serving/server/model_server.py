"""The whole server: one model's versions behind a gRPC port and a REST port."""

import concurrent.futures
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
    start_checks,
)

_SECONDS_BETWEEN_CHECKS = 0.1
# Beyond the grace time: a request or a load that has not ended by then will not end soon.
_SECONDS_FOR_WHAT_IS_STUCK = 1.0


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
        self._servers: list[grpc_server.GrpcServer | rest_server.RestServer] = []

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
        # Loading may take minutes; what stands in the way is told before.
        start_checks.check(self._config)
        self._manager.start()
        while not self._manager.wait_until_available(_SECONDS_BETWEEN_CHECKS):
            if is_stopped():
                return False
        self._open_ports()
        return True

    def stop(self) -> bool:
        """Stops taking requests, lets those under way finish within the grace time, and frees the model.

        Returns:
          Whether nothing is left running in this process.
        """
        servers, self._servers = self._servers, []
        if servers:
            with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
                concurrent.futures.wait([pool.submit(server.stop) for server in servers])
        return self._manager.stop(_SECONDS_FOR_WHAT_IS_STUCK)

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
        self._servers.append(server)
        try:
            server.start()
        except OSError as error:
            raise start_checks.port_error(flag, port, error) from error


def serve_until(config: server_config.ServerConfig, is_stopped: Callable[[], bool]) -> bool:
    """Runs a server until `is_stopped` says so.

    Returns:
      Whether nothing is left running in this process.

    Raises:
      ServerStartError, ServingError: see `ModelServer.start`.
    """
    server = ModelServer(config)
    try:
        server.start(is_stopped)
        while not is_stopped():
            time.sleep(_SECONDS_BETWEEN_CHECKS)
        logging.info("Stopping; requests under way have %g s", config.shutdown_grace_seconds)
    finally:
        is_all_done = server.stop()
    return is_all_done
