"""The gRPC port: PredictionService and ModelService in a pool of threads."""

import functools
import pathlib
import time

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server import (
    bounded_pool,
    grpc_admission,
    grpc_arrivals,
    grpc_credentials,
    metrics,
    model_registry,
    model_service,
    prediction_service,
    request_records,
    server_config,
)

_MAX_MESSAGE_BYTES = (1 << 31) - 1
_NUM_CONTROL_THREADS = 2
_SECONDS_BETWEEN_CHECKS = 0.05
# A message may take as long as a connection that says nothing.
_LONGEST_SECONDS_TO_ARRIVE = 60.0
# Calls that have sent no message: each has a thread, and half of those there may be leave room for all others.
_MOST_ASIDE, _SHARE_ASIDE = 256, 0.5
# Time for the last answers to leave, once nothing is computed any more.
_SECONDS_FOR_LAST_ANSWERS = 1.0


class GrpcServer:
    """Serves a registry on one port, and on a Unix socket if there is one.

    Attributes:
      name: of the protocol.
    """

    name = "gRPC"

    def __init__(
        self,
        models: model_registry.ModelRegistry,
        config: server_config.ServerConfig,
        counted_by: metrics.Metrics,
        records: request_records.RequestRecords,
    ):
        """Prepares a server; nothing listens yet.

        Args:
          models: what answers.
          config: where to listen, and how.
          counted_by: learns of the queue.
          records: learns of every request.

        Raises:
          ServerConfigError: if the configuration of TLS is wrong.
        """
        self._config = config
        self._credentials = grpc_credentials.read(config.ssl_config_file) if config.ssl_config_file else None
        waiting, note_waiting = config.max_queued_requests, functools.partial(counted_by.add_queue_seconds, "grpc")
        self._pool = bounded_pool.BoundedPool(config.grpc_max_threads, waiting, "grpc", note_waiting)
        self._control_pool = bounded_pool.BoundedPool(_NUM_CONTROL_THREADS, waiting, "grpc control")
        # Where who begins to watch the health waits for the message, which nobody bounds.
        self._watch_pool = bounded_pool.BoundedPool(_NUM_CONTROL_THREADS, waiting, "grpc watch")
        self._reload_pool = bounded_pool.BoundedPool(1, 0, "grpc reload")
        most_aside = min(_MOST_ASIDE, max(1, int(_SHARE_ASIDE * (config.grpc_max_threads + waiting))))
        self._arrivals = grpc_arrivals.Arrivals(self._pool, _LONGEST_SECONDS_TO_ARRIVE, most_aside, records)
        self._admission = grpc_admission.Admission(self._pool, self._control_pool, self._reload_pool, records)
        self._server = grpc.server(
            self._pool,
            interceptors=[self._arrivals, self._admission],
            options=list(_options(config).items()),
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            prediction_service.PredictionService(
                models,
                records,
                is_method_name_checked=config.enable_signature_method_name_check,
                is_tensor_content=config.enable_serialization_as_tensor_content,
            ),
            self._server,
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(model_service.ModelService(models), self._server)
        self._health = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=self._watch_pool)
        if config.enable_grpc_healthcheck_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    @property
    def num_waiting(self) -> int:
        """Requests that wait for a thread."""
        return self._pool.num_waiting

    @property
    def num_under_way(self) -> int:
        """Requests that are answered or wait for a thread."""
        return self._pool.num_under_way

    def start(self) -> None:
        """Binds the port and answers from now on.

        Raises:
          OSError: if the port is taken, or the socket cannot be made.
        """
        for address in self.addresses:
            try:
                if self._credentials is None:
                    self._server.add_insecure_port(address)
                else:
                    self._server.add_secure_port(address, self._credentials)
            except RuntimeError as error:
                raise OSError(str(error)) from error
        self._arrivals.start()
        self._server.start()

    def stop(self) -> None:
        """Says so, takes no more requests, lets those under way finish, and returns when all is closed."""
        self._health.enter_graceful_shutdown()
        self._admission.say_goodbye()
        stopped, last_call = self._server.stop(self._config.shutdown_grace_seconds), time.monotonic()
        while not stopped.wait(_SECONDS_BETWEEN_CHECKS):
            if self._pool.num_under_way or self._reload_pool.num_under_way:
                last_call = time.monotonic()
            elif time.monotonic() - last_call > _SECONDS_FOR_LAST_ANSWERS:
                # What is still open are streams: those who watch the health would keep the server to the last.
                self._server.stop(0)
        self._arrivals.stop()
        for pool in (self._pool, self._reload_pool, self._control_pool, self._watch_pool):
            pool.stop()
        # A thread that still writes an answer would do so while Python ends.
        self._pool.join(_SECONDS_FOR_LAST_ANSWERS)

    @property
    def addresses(self) -> list[str]:
        """What it listens on."""
        addresses = [f"0.0.0.0:{self._config.port}"] if self._config.port else []
        if self._config.grpc_socket_path:
            addresses.append(f"unix:{pathlib.Path(self._config.grpc_socket_path).absolute()}")
        return addresses


def _options(config: server_config.ServerConfig) -> dict[str, int | str]:
    return {
        "grpc.max_receive_message_length": config.max_request_bytes,
        # TensorFlow Serving's: as large as a message can be.
        "grpc.max_send_message_length": _MAX_MESSAGE_BYTES,
        # Without this, two servers would share one port and each would get some of the requests.
        "grpc.so_reuseport": 0,
        # Connections that never say a word of HTTP/2, and those whose other end is gone without one.
        "grpc.server_handshake_timeout_ms": 20_000,
        "grpc.keepalive_time_ms": 60_000,
        "grpc.keepalive_timeout_ms": 20_000,
        # Without these, one that has no call is not asked, or has a minute to say so.
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.ping_timeout_ms": 20_000,
        **config.grpc_channel_arguments,
    }
