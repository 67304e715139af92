"""The whole server: the versions of its models behind a gRPC port and a REST port."""

import concurrent.futures
import threading
import time
from collections.abc import Callable
from typing import Self

from absl import logging

from serving.server import (
    batching,
    config_poller,
    grpc_server,
    metrics,
    model_config,
    model_manager,
    model_options,
    model_registry,
    rest_api,
    rest_server,
    server_config,
    session_config,
    start_checks,
)

_SECONDS_BETWEEN_CHECKS = 0.1
# Beyond the grace time: a request or a load that has not ended by then will not end soon.
_SECONDS_FOR_WHAT_IS_STUCK = 1.0


class ModelServer:
    """Serves models until it is stopped; also a context manager around `stop`.

    Raises:
      ServerConfigError: if a file that a flag names is wrong.
    """

    def __init__(self, config: server_config.ServerConfig):
        self._config = config
        self._metrics = metrics.Metrics()
        self._session_config = session_config.from_config(config)
        self._load_slot = threading.BoundedSemaphore(max(1, config.num_load_threads))
        self._unload_slot = threading.BoundedSemaphore(max(1, config.num_unload_threads))
        self._models = model_registry.ModelRegistry(
            self._make_manager,
            config.allow_version_labels_for_unavailable_models,
            config.max_request_rows,
            self._metrics,
        )
        self._batching = batching.Batching(config) if config.enable_batching else None
        self._poller: config_poller.ConfigPoller | None = None
        self._servers: list[grpc_server.GrpcServer | rest_server.RestServer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self, is_stopped: Callable[[], bool] = lambda: False) -> bool:
        """Loads what is to serve, then opens the ports, so that an open port means models that answer.

        An empty base path is waited for, as long as it takes.

        Args:
          is_stopped: asked while waiting; true gives up.

        Returns:
          Whether the server now serves.

        Raises:
          ServerStartError: if a base path is missing or a port is taken.
          ServingError: if a model cannot be loaded.
        """
        # Loading may take minutes; what stands in the way is told before.
        start_checks.check(self._config)
        # Before the models are read, so that no change to their file is lost.
        poller = self._make_poller()
        models, servers = start_checks.models(self._config), self._make_servers()
        if not self._models.start(models, is_stopped):
            return False
        for flag, port, server in servers:
            self._open(flag, port, server)
        if poller is not None:
            self._poller = poller
            poller.start()
        return True

    def stop(self) -> bool:
        """Stops taking requests, lets those under way finish within the grace time, and frees the models.

        Returns:
          Whether nothing is left running in this process.
        """
        if self._poller is not None:
            self._poller.stop()
        servers, self._servers = self._servers, []
        if servers:
            with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
                concurrent.futures.wait([pool.submit(server.stop) for server in servers])
        if self._batching is not None:
            self._batching.stop(_SECONDS_FOR_WHAT_IS_STUCK)
        return self._models.stop(_SECONDS_FOR_WHAT_IS_STUCK)

    def _make_manager(self, model: model_config.ModelConfig) -> model_manager.ModelManager:
        config = self._config
        options = model_options.ModelOptions(
            model_name=model.name,
            base_path=model.base_path,
            policy=model.policy,
            poll_wait_seconds=config.file_system_poll_wait_seconds,
            max_num_load_retries=config.max_num_load_retries,
            load_retry_interval_seconds=max(0, config.load_retry_interval_micros) / 1e6,
            num_warm_ups=max(1, config.num_request_iterations_for_warmup) if config.enable_model_warmup else 0,
            tags=config.saved_model_tags,
            session_config=self._session_config,
            is_method_name_checked=config.enable_signature_method_name_check,
            is_cache_flushed=config.flush_filesystem_caches,
            batched=self._batching.batched if self._batching else None,
        )
        return model_manager.ModelManager(options, load_slot=self._load_slot, unload_slot=self._unload_slot)

    def _make_poller(self) -> config_poller.ConfigPoller | None:
        path, wait_seconds = self._config.model_config_file, self._config.model_config_file_poll_wait_seconds
        if not path or not wait_seconds:
            return None
        return config_poller.ConfigPoller(path, wait_seconds, self._models.reload)

    def _make_servers(self) -> list[tuple[str, int, grpc_server.GrpcServer | rest_server.RestServer]]:
        config = self._config
        servers: list[tuple[str, int, grpc_server.GrpcServer | rest_server.RestServer]] = []
        if config.port or config.grpc_socket_path:
            servers.append(("port", config.port, grpc_server.GrpcServer(self._models, config, self._metrics)))
        if config.rest_api_port:
            api = rest_api.RestApi(self._models, self._metrics, config.enable_signature_method_name_check)
            server = rest_server.RestServer(api, config, self._metrics, start_checks.metrics_path(config))
            servers.append(("rest_api_port", config.rest_api_port, server))
        return servers

    def _open(self, flag: str, port: int, server: grpc_server.GrpcServer | rest_server.RestServer) -> None:
        self._servers.append(server)
        try:
            server.start()
        except OSError as error:
            raise start_checks.port_error(flag, port, error) from error
        logging.info("%s API at %s", server.name, " and ".join(server.addresses))


def serve_until(config: server_config.ServerConfig, is_stopped: Callable[[], bool]) -> bool:
    """Runs a server until `is_stopped` says so.

    Returns:
      Whether nothing is left running in this process.

    Raises:
      ServerStartError, ServerConfigError, ServingError: see `ModelServer.start`.
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
