"""The whole server: the versions of its models behind a gRPC port and a REST port."""

import concurrent.futures
import functools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

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
    request_log,
    request_records,
    rest_api,
    rest_server,
    server_config,
    session_config,
    start_checks,
)

if TYPE_CHECKING:
    from serving.server.explorer import explorer_api

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
        self._records = request_records.RequestRecords(self._metrics, config.log_requests)
        self._request_log = request_log.RequestLog()
        self._session_config = session_config.from_config(config)
        self._load_slot = threading.BoundedSemaphore(max(1, config.num_load_threads))
        self._unload_slot = threading.BoundedSemaphore(max(1, config.num_unload_threads))
        self._models = model_registry.ModelRegistry(
            self._make_manager,
            config.allow_version_labels_for_unavailable_models,
            config.max_request_rows,
            self._metrics,
            self._request_log.sampled,
            self._request_logging,
        )
        self._batching = batching.Batching(config) if config.enable_batching else None
        self._poller: config_poller.ConfigPoller | None = None
        self._servers: list[grpc_server.GrpcServer | rest_server.RestServer] = []
        self._add_readings()

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
        are_models_freed = self._models.stop(_SECONDS_FOR_WHAT_IS_STUCK)
        return self._request_log.stop(_SECONDS_FOR_WHAT_IS_STUCK) and are_models_freed

    def _add_readings(self) -> None:
        def read(name: str) -> dict[tuple[str], int]:
            return {(server.name.lower(),): getattr(server, name) for server in self._servers}

        self._metrics.add_reading("queued_requests", ("api",), lambda: read("num_waiting"))
        self._metrics.add_reading("requests_under_way", ("api",), lambda: read("num_under_way"))
        labels = ("model_name", "version", "state")
        self._metrics.add_reading("model_version_info", labels, self._models.versions)
        logged = {"request_log_written_total": "num_written", "request_log_dropped_total": "num_dropped"}
        for metric, attribute in logged.items():
            read_log = functools.partial(getattr, self._request_log, attribute)
            self._metrics.add_reading(metric, (), lambda read_log=read_log: {(): read_log()}, "counter")

    def _request_logging(self, model_name: str) -> model_config.RequestLogging | None:
        folder = self._config.request_log_dir
        if folder is None:
            return None
        return model_config.RequestLogging(folder / model_name / "requests", self._config.request_log_sampling_rate)

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
            servers.append(
                ("port", config.port, grpc_server.GrpcServer(self._models, config, self._metrics, self._records))
            )
        if config.rest_api_port:
            api = rest_api.RestApi(self._models, self._records, config.enable_signature_method_name_check)
            metrics_path = start_checks.metrics_path(config)
            server = rest_server.RestServer(
                api, config, self._metrics, self._records, metrics_path, self._make_explorer()
            )
            servers.append(("rest_api_port", config.rest_api_port, server))
        return servers

    def _make_explorer(self) -> "explorer_api.ExplorerApi | None":
        if not self._config.explorer:
            return None
        # Without it the server does not need pyarrow.
        from serving.server.explorer import explorer_api

        return explorer_api.ExplorerApi(self._models, self._config.explorer_histories)

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
